"""Triton's own backends, which the wheel's Triton lacks: skipped, with the reason, without them.

That of ONNX Runtime runs on a CPU too; those of engines and of CUDA graphs need a device.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx_builders
import pytest
from trial_processes import TrialProcess, a_trial_of_an_mlp

from deploytune.contract.errors import MachineError
from deploytune.contract.outcomes import OutcomeKind
from deploytune.contract.report import TrialReport
from deploytune_trial.devices.driver import visible_cuda_devices
from deploytune_trial.triton.installation import find_triton

pytestmark = pytest.mark.gpu


def needs_backend(name: str) -> None:
    try:
        installed = find_triton().installed_backends()
    except MachineError as error:
        pytest.skip(str(error))
    if name not in installed:
        pytest.skip(f"this Triton has no {name} backend: use the trial image for GPUs")


def needs_device() -> None:
    if visible_cuda_devices() == 0:
        pytest.skip("no device of NVIDIA is found")


@pytest.fixture
def trial(tmp_path: Path) -> TrialProcess:
    return a_trial_of_an_mlp(tmp_path)


@pytest.mark.parametrize("level", ["Disabled", "Basic", "Extended", "All"])
def test_an_onnx_file_is_served_by_tritons_onnx_runtime(trial: TrialProcess, level: str) -> None:
    needs_backend("onnxruntime")

    report = trial.run(
        parameters={"graphOptimization": level, "maxBatchSize": 8, "intraOpThreads": 1}
    )

    assert (report.outcome, report.message) == (OutcomeKind.FEASIBLE, "")
    assert report.facts["tritonBackend"] == "onnxruntime"
    assert report.metrics["output_drift"].value < 1e-4


def test_a_fixed_batch_whose_output_leaves_its_first_axis_open_is_served_natively(
    trial: TrialProcess,
) -> None:
    needs_backend("onnxruntime")
    model = onnx_builders.a_model_with_an_open_batch(2)
    report = run_model(trial, model, features=2, request_batch=2)

    assert (report.outcome, report.message) == (OutcomeKind.FEASIBLE, "")
    assert report.facts["tritonBackend"] == "onnxruntime"
    assert report.metrics["output_drift"].value == 0


def test_an_output_without_a_rank_is_served_in_python(trial: TrialProcess) -> None:
    needs_backend("onnxruntime")
    report = run_model(trial, onnx_builders.a_model_without_a_rank(), onnx_builders.FEATURES)

    assert (report.outcome, report.message) == (OutcomeKind.FEASIBLE, "")
    assert report.facts["tritonBackend"] == "python"
    assert "for a number" in str(report.facts["tritonBackendWhy"])


def test_threads_that_would_spin_on_few_cpus_are_served_in_python(trial: TrialProcess) -> None:
    needs_backend("onnxruntime")
    report = trial.run(parameters={"intraOpThreads": 2}, resources={"cpus": 2})

    assert (report.outcome, report.message) == (OutcomeKind.FEASIBLE, "")
    assert report.facts["tritonBackend"] == "python"
    assert "spin" in str(report.facts["tritonBackendWhy"])


def run_model(
    trial: TrialProcess, model: onnx.ModelProto, features: int, request_batch: int = 1
) -> TrialReport:
    """Run a trial of a model that gives its inputs back, with data without labels."""
    values = np.random.default_rng(1).standard_normal((64, features)).astype(np.float32)
    trial.workload |= {
        "models": [
            {"name": "net", "source": onnx_builders.saved(model, trial.folder, "other.onnx")}
        ],
        "evaluationData": onnx_builders.samples_file(trial.folder, x=values),
        "requestBatch": request_batch,
    }
    return trial.run(parameters={"intraOpThreads": 1})


@pytest.mark.parametrize(
    "parameters",
    [{}, {"cudaGraphs": "On"}, {"engineCompatibility": "Version"}],
    ids=["plain", "CUDA graphs", "its own runtime"],
)
def test_an_engine_is_served_by_tritons_tensorrt(
    trial: TrialProcess, parameters: dict[str, Any]
) -> None:
    needs_device()
    needs_backend("tensorrt")

    report = trial.run(parameters={"backend": "tensorrt", "maxBatchSize": 8, **parameters})

    assert (report.outcome, report.message) == (OutcomeKind.FEASIBLE, "")
    assert report.facts["tritonBackend"] == "tensorrt"
