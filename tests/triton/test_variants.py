"""Every kind of variant, built, served by a real Triton and held against the original."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path
from typing import Any

import pytest
from trial_processes import TrialProcess

from deploytune.contract.outcomes import Cause, OutcomeKind

pytestmark = pytest.mark.triton

MODULES = Path(__file__).parents[1] / "pytorch"
COMPILING_SECONDS = 480  # on two cores that others use too
needs_torch = pytest.mark.skipif(
    importlib.util.find_spec("torch") is None, reason="needs PyTorch: deploytune[torch]"
)


@pytest.mark.parametrize(
    ("parameters", "largest_drift"),
    [
        pytest.param({"precision": "fp16"}, 0.01, id="fp16"),
        pytest.param({"precision": "int8-dynamic"}, 0.2, id="dynamic int8"),
        pytest.param({"precision": "int8-static", "calibrationSamples": 32}, 0.2, id="static int8"),
        pytest.param(
            {
                "precision": "int8-static",
                "calibrationMethod": "Percentile",
                "quantizationGranularity": "PerChannel",
            },
            0.2,
            id="static int8 by percentile, per channel",
        ),
        pytest.param({"maxBatchSize": 16, "graphOptimization": "Disabled"}, 1e-5, id="batches"),
    ],
)
def test_an_onnx_variant_answers_like_the_original(
    trial: TrialProcess, parameters: dict[str, Any], largest_drift: float
) -> None:
    trial.workload["calibrationData"] = trial.workload["evaluationData"]

    report = trial.run(parameters=parameters)

    assert (report.outcome, report.message) == (OutcomeKind.FEASIBLE, "")
    assert report.metrics["output_drift"].value <= largest_drift
    assert report.facts["nodesCpuShare"] == 1.0


def test_a_precision_without_kernels_ends_in_the_build(trial: TrialProcess) -> None:
    report = trial.run(parameters={"precision": "bf16"})

    assert (report.outcome, report.cause) == (OutcomeKind.CRASHED, Cause.UNSUPPORTED)
    assert "Could not find an implementation" in report.message
    assert report.stage == "Build"


@pytest.fixture
def torch_trial(trial: TrialProcess) -> TrialProcess:
    """The same trial of a torch module."""
    del trial.workload["evaluationData"]
    trial.workload["models"] = [{"name": "net", "source": "python:served_modules:build_mlp"}]
    trial.workload["inputs"] = [{"name": "x", "shape": [4]}]
    trial.variables["PYTHONPATH"] = str(MODULES)
    return trial


@pytest.mark.torch
@needs_torch
@pytest.mark.parametrize("precision", ["bf16", "int8-dynamic"])
def test_a_torch_module_answers_like_the_original(
    torch_trial: TrialProcess, precision: str
) -> None:
    report = torch_trial.run(parameters={"precision": precision, "maxBatchSize": 8})

    assert (report.outcome, report.message) == (OutcomeKind.FEASIBLE, "")
    assert report.metrics["output_drift"].value <= 0.1
    assert report.facts["provider"] == "torch"


@pytest.mark.torch
@needs_torch
@pytest.mark.skipif(shutil.which("g++") is None, reason="needs a C++ compiler")
@pytest.mark.timeout(COMPILING_SECONDS + 60)
def test_a_module_that_was_compiled_ahead_of_time_answers_like_the_original(
    torch_trial: TrialProcess,
) -> None:
    torch_trial.patience_seconds = COMPILING_SECONDS

    report = torch_trial.run(parameters={"compile": "AOTInductor", "maxBatchSize": 8})

    assert (report.outcome, report.message) == (OutcomeKind.FEASIBLE, "")
    assert report.metrics["output_drift"].value <= 1e-6
    assert torch_trial.settings()["compile"] == "AOTInductor"
