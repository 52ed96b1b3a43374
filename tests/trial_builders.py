"""Builders of what a trial is asked and what it measures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from deploytune.contract.limits import Limit
from deploytune.contract.metrics import METRICS, metric_key
from deploytune.contract.request import TrialRequest
from deploytune.contract.workload import LoadProfile, LoadType
from deploytune_trial.measure.profiles import ProfileRun
from deploytune_trial.measure.session import ProfileResult
from deploytune_trial.measure.windows import Figure, Requests, Sample
from deploytune_trial.report import Findings
from deploytune_trial.triton.server import Counters

LOAD = "steady"
P95 = metric_key("latency_p95_ms", LOAD)
THROUGHPUT = metric_key("throughput", LOAD)


def a_request(
    *,
    limits: Sequence[Limit] = (),
    objectives: Sequence[str] = (THROUGHPUT,),
    parameters: Mapping[str, Any] | None = None,
    **fields: Any,
) -> TrialRequest:
    """A request for one ONNX model under one closed loop."""
    workload = {
        "models": [{"name": "net", "source": "net.onnx"}],
        "loads": [a_closed_loop()],
        **fields.pop("workload", {}),
    }
    return TrialRequest(
        trial="tuning-1",
        index=1,
        attempt=0,
        seed=7,
        parameters=dict(parameters or {}),
        workload=workload,
        objectives=tuple(objectives),
        limits=tuple(limits),
        **fields,
    )


def a_closed_loop(concurrency: int = 1, **fields: Any) -> LoadProfile:
    """A closed loop."""
    return LoadProfile(name=LOAD, type=LoadType.CLOSED_LOOP, concurrency=concurrency, **fields)


def a_poisson_load(rate: float, **fields: Any) -> LoadProfile:
    """Arrivals at a rate."""
    return LoadProfile(name=LOAD, type=LoadType.POISSON, rate_per_second=rate, **fields)


def metrics_of_devices() -> set[str]:
    """The keys of all that is measured of devices."""
    return {
        metric_key(name, LOAD if metric.under_load else None)
        for name, metric in METRICS.items()
        if metric.needs_device
    }


def requests_with(latencies_ms: Sequence[float | None], seconds: float = 1.0) -> Requests:
    """Requests with these latencies, ended at even distances; None for one without an answer."""
    requests = Requests(0.0)
    for number, latency in enumerate(latencies_ms, start=1):
        ended = seconds * number / len(latencies_ms)
        intended = ended - (latency or 0.0) / 1000
        requests.add(Sample(intended, intended, ended, answered=latency is not None))
    return requests


def a_result(
    figures: Mapping[str, Figure],
    *,
    requests: Requests | None = None,
    counted: int | None = None,
    in_flight_before: int = 0,
    **run: Any,
) -> ProfileResult:
    """What came of measuring one profile."""
    ended = requests_with([1.0] * 1000) if requests is None else requests
    profile_run = ProfileRun(ended, **{"settled": True, **run})
    return ProfileResult(
        load=LOAD,
        figures=dict(figures),
        figures_without_lag={name: figure.value for name, figure in figures.items()},
        run=profile_run,
        counted=Counters(profile_run.answered if counted is None else counted, 0, 1, 1),
        in_flight_before=in_flight_before,
        request_timeout_ms=10_000.0,
    )


def findings_of(*results: ProfileResult, **figures: Figure) -> Findings:
    """What is known after these profiles, and other figures."""
    findings = Findings(figures=dict(figures))
    for result in results:
        findings.add_result(result)
    return findings
