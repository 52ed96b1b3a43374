"""Triton's own backends, which the wheel's Triton lacks: skipped, with the reason, without them.

That of ONNX Runtime runs on a CPU too; those of engines and of CUDA graphs need a device.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx_builders
import pytest
from trial_processes import TrialProcess

from deploytune.contract.errors import MachineError
from deploytune.contract.outcomes import OutcomeKind
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
    generator = np.random.default_rng(1)
    inputs = generator.standard_normal((64, onnx_builders.FEATURES)).astype(np.float32)
    labels = generator.integers(0, onnx_builders.CLASSES, 64)
    return TrialProcess(
        folder=tmp_path,
        source=onnx_builders.saved(onnx_builders.an_mlp(), tmp_path),
        evaluation_data=onnx_builders.samples_file(tmp_path, x=inputs, label=labels),
    )


@pytest.mark.parametrize("level", ["Disabled", "Basic", "Extended", "All"])
def test_an_onnx_file_is_served_by_tritons_onnx_runtime(trial: TrialProcess, level: str) -> None:
    needs_backend("onnxruntime")

    report = trial.run(parameters={"graphOptimization": level, "maxBatchSize": 8})

    assert (report.outcome, report.message) == (OutcomeKind.FEASIBLE, "")
    assert report.facts["tritonBackend"] == "onnxruntime"
    assert report.metrics["output_drift"].value < 1e-4


@pytest.mark.parametrize("parameters", [{}, {"cudaGraphs": "On"}], ids=["plain", "CUDA graphs"])
def test_an_engine_is_served_by_tritons_tensorrt(
    trial: TrialProcess, parameters: dict[str, Any]
) -> None:
    needs_device()
    needs_backend("tensorrt")

    report = trial.run(parameters={"backend": "tensorrt", "maxBatchSize": 8, **parameters})

    assert (report.outcome, report.message) == (OutcomeKind.FEASIBLE, "")
    assert report.facts["tritonBackend"] == "tensorrt"
