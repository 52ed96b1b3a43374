"""Requests and reports with every field set, as the golden files have them."""

from __future__ import annotations

from typing import Any

from deploytune.contract.limits import Limit
from deploytune.contract.outcomes import Cause, OutcomeKind
from deploytune.contract.report import Breadcrumb, Measurement, TrialReport
from deploytune.contract.request import Resources, StageDeadlines, TrialRequest
from deploytune.contract.stages import Stage
from deploytune.contract.workload import (
    InputShape,
    LoadProfile,
    LoadType,
    ModelSource,
    Workload,
)


def a_workload(**changes: Any) -> Workload:
    fields: dict[str, Any] = {
        "models": (
            ModelSource(name="mlp", source="/models/mlp.onnx"),
            ModelSource(name="cnn", source="python:package.module:function"),
        ),
        "evaluation_data": "/data/evaluation.npz",
        "calibration_data": "/data/calibration.npz",
        "inputs": (InputShape(name="image", shape=(1, 8, 8)),),
        "request_batch": 2,
        "loads": (
            a_load(name="steady", type=LoadType.POISSON, rate_per_second=60.0),
            a_load(
                name="full",
                type=LoadType.CLOSED_LOOP,
                concurrency=4,
                window_requests=200,
                max_windows=8,
                request_timeout_seconds=2.5,
            ),
        ),
    }
    return Workload(**{**fields, **changes})


def a_load(**fields: Any) -> LoadProfile:
    return LoadProfile(**fields)


def a_request(**changes: Any) -> TrialRequest:
    fields: dict[str, Any] = {
        "trial": "digits-7",
        "index": 7,
        "attempt": 1,
        "seed": 1234567890123,
        "parameters": {
            "model": "mlp",
            "backend": "onnxruntime",
            "instances": 2,
            "share": 0.5,
            "fused": True,
        },
        "workload": a_workload(),
        "objectives": ("throughput@full",),
        "limits": (
            Limit(metric="latency_p95_ms@steady", max=20.0),
            Limit(metric="accuracy", min=0.9),
        ),
        "run_deadline_seconds": 900.0,
        "stage_deadlines": StageDeadlines(
            load=10, build=100, serve=20, warm_up=30, verify=40, measure=200
        ),
        "latency_abort_factor": 4.0,
        "resources": Resources(
            cpus=1.5,
            memory_bytes=1 << 30,
            accelerators={"nvidia.com/gpu": 1},
            shared_devices=True,
        ),
        "measure_afresh": True,
    }
    return TrialRequest(**{**fields, **changes})


def a_report(**changes: Any) -> TrialReport:
    fields: dict[str, Any] = {
        "trial": "digits-7",
        "index": 7,
        "attempt": 1,
        "outcome": OutcomeKind.INFEASIBLE,
        "cause": Cause.LIMIT_MISSED,
        "message": "latency_p95_ms@steady is 31.2 ms, more than 20 ms",
        "stage": Stage.REPORT,
        "uncertain": True,
        "metrics": {
            "throughput@full": Measurement(value=812.5, half_width=12.25),
            "latency_p95_ms@steady": Measurement(value=31.2),
        },
        "stage_seconds": {Stage.LOAD: 0.5, Stage.BUILD: 2.0},
        "waited_seconds": 1.5,
        "facts": {"provider": "CPUExecutionProvider", "requests": 600, "shareOnCpu": 1.0},
        "dropped": ("facts",),
    }
    return TrialReport(**{**fields, **changes})


def a_breadcrumb(**changes: Any) -> Breadcrumb:
    fields: dict[str, Any] = {
        "stage": Stage.WARM_UP,
        "waited_seconds": 0.25,
        "waiting_since": 1234.5,
    }
    return Breadcrumb(**{**fields, **changes})
