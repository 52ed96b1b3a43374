"""Builds that need an NVIDIA device; skipped, with the reason, where there is none."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from onnx_builders import FEATURES, a_convolution, a_model_request, an_mlp, samples_file, saved

from deploytune.contract.request import Resources
from deploytune_trial.build.building import Artefact, build
from deploytune_trial.build.tensorrt.builder import ENGINE_FILE
from deploytune_trial.build.tensorrt.versions import served_version
from deploytune_trial.devices.driver import visible_cuda_devices
from deploytune_trial.failures import TrialFailure
from deploytune_trial.models.loading import load_model
from deploytune_trial.models.probing import synthetic_samples
from deploytune_trial.triton.installation import find_triton
from deploytune_trial.triton.served_model.onnx_runner import Runner

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(visible_cuda_devices() == 0, reason="no NVIDIA device is found"),
]

needs_cuda_provider = pytest.mark.skipif(
    "CUDAExecutionProvider" not in onnxruntime.get_available_providers(),
    reason="needs onnxruntime-gpu",
)
needs_torch = pytest.mark.skipif(
    importlib.util.find_spec("torch") is None, reason="needs PyTorch: deploytune[torch]"
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where a build writes."""
    made = tmp_path / "build"
    made.mkdir()
    return made


def built(source: str, folder: Path, parameters: dict[str, Any], **workload: Any) -> Artefact:
    request = a_model_request(source, parameters, **workload)
    request = request.replace(resources=Resources(accelerators={"nvidia.com/gpu": 1}))
    return build(request, load_model(request), folder)


def drift(artefact: Artefact, folder: Path, reference: Artefact, reference_folder: Path) -> float:
    samples = synthetic_samples(artefact.interface.inputs, 4)
    ours, theirs = (
        Runner(place, each.settings).run(samples)["scores"]
        for each, place in ((artefact, folder), (reference, reference_folder))
    )
    return float(np.abs(ours - theirs).max() / np.abs(theirs).max())


@needs_cuda_provider
@pytest.mark.parametrize("provider", ["CUDA", "TensorRT"])
@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_a_provider_runs_nodes_and_answers_like_the_cpu(
    folder: Path, tmp_path: Path, provider: str, precision: str
) -> None:
    source, original = saved(a_convolution(), tmp_path), tmp_path / "original"
    original.mkdir()
    parameters = {"executionProvider": provider, "precision": precision, "maxBatchSize": 8}
    artefact = built(source, folder, parameters)
    reference = built(source, original, {"executionProvider": "CPU"})
    assert float(artefact.facts["nodesCpuShare"]) < 1
    assert drift(artefact, folder, reference, original) < 0.02


def _served_tensorrt() -> str | None:
    return served_version(find_triton())


@pytest.mark.parametrize("precision", ["fp32", "fp16", "bf16", "int8-static"])
@pytest.mark.parametrize("typing", ["Strong", "Weak"])
def test_an_engine_is_built_and_loads(
    folder: Path, tmp_path: Path, precision: str, typing: str
) -> None:
    if _served_tensorrt() is None:
        pytest.skip("this Triton has no TensorRT backend")
    values = np.random.default_rng(1).standard_normal((16, FEATURES)).astype(np.float32)
    parameters = {
        "backend": "tensorrt",
        "precision": precision,
        "engineTyping": typing,
        "maxBatchSize": 8,
    }
    try:
        artefact = built(
            saved(an_mlp(), tmp_path),
            folder,
            parameters,
            calibration_data=samples_file(tmp_path, x=values),
        )
    except TrialFailure as failure:
        if "types networks strongly" in failure.message:
            pytest.skip(failure.message)
        raise
    assert list(artefact.files) == [ENGINE_FILE]
    assert artefact.size_bytes > 0
    assert artefact.facts["provider"] == "TensorRT"


def test_the_timing_cache_is_kept_for_the_next_build(folder: Path, tmp_path: Path) -> None:
    if _served_tensorrt() is None:
        pytest.skip("this Triton has no TensorRT backend")
    built(saved(an_mlp(), tmp_path), folder, {"backend": "tensorrt"})
    assert (folder / "timing.cache").stat().st_size > 0


@needs_torch
@pytest.mark.torch
@pytest.mark.parametrize("how", ["Eager", "Compiled", "AOTInductor"])
def test_a_torch_module_runs_on_the_device(
    folder: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    from deploytune_trial.triton.served_model.torch_runner import Runner as TorchRunner

    monkeypatch.syspath_prepend(Path(__file__).parents[1] / "pytorch")
    inputs = [{"name": "x", "shape": [4]}]
    parameters = {"compile": how, "maxBatchSize": 8}
    artefact = built("python:served_modules:build_mlp", folder, parameters, inputs=inputs)
    assert artefact.facts["device"] == "cuda"
    samples = synthetic_samples(artefact.interface.inputs, 8)
    assert TorchRunner(folder, artefact.settings).run(samples)["output"].shape == (8, 3)
