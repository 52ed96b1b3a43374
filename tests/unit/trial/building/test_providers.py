"""Which execution providers are asked for, with what options, and what if they do not run.

Options are held against ONNX Runtime's documentation; no device was there to run them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import onnxruntime
import pytest
from onnx_builders import a_model_request, an_mlp, loaded, saved

from deploytune.contract.outcomes import Cause, OutcomeKind
from deploytune.contract.request import Resources
from deploytune_trial.build.building import build
from deploytune_trial.build.device_needs import why_no_device
from deploytune_trial.build.onnx.providers import (
    check_used,
    chosen_provider,
    node_facts,
    provider_settings,
)
from deploytune_trial.build.variants import Variant
from deploytune_trial.failures import TrialFailure
from deploytune_trial.models.loading import load_model

CPU, CUDA, TENSORRT = (
    "CPUExecutionProvider",
    "CUDAExecutionProvider",
    "TensorrtExecutionProvider",
)


def a_variant(folder: Path, parameters: dict[str, Any], accelerators: int = 0) -> Variant:
    request = a_model_request(saved(an_mlp(), folder), parameters)
    if accelerators:
        request = request.replace(
            resources=Resources(accelerators={"nvidia.com/gpu": accelerators})
        )
    return Variant.of(request, load_model(request))


def settings_of(folder: Path, parameters: dict[str, Any]) -> dict[str, Any]:
    interface = loaded(an_mlp(), folder).interface
    asked = provider_settings(a_variant(folder, parameters), interface)
    return {str(name): options for name, options in asked}


def test_the_cpu_has_no_options(tmp_path: Path) -> None:
    assert settings_of(tmp_path, {}) == {CPU: {}}


def test_cuda_falls_back_to_the_cpu_for_single_nodes(tmp_path: Path) -> None:
    parameters = {"executionProvider": "CUDA", "convolutionSearch": "Heuristic"}
    assert settings_of(tmp_path, parameters) == {
        CUDA: {"cudnn_conv_algo_search": "HEURISTIC", "use_tf32": "1"},
        CPU: {},
    }


def test_tf32_can_be_forbidden(tmp_path: Path) -> None:
    parameters = {"executionProvider": "CUDA", "tensorFloat32": "Forbidden"}
    assert settings_of(tmp_path, parameters)[CUDA]["use_tf32"] == "0"


def test_tensorrt_builds_for_the_batches_that_are_served(tmp_path: Path) -> None:
    parameters = {"executionProvider": "TensorRT", "maxBatchSize": 8}
    settings = settings_of(tmp_path, parameters)
    assert list(settings) == [TENSORRT, CUDA, CPU]
    assert settings[TENSORRT] == {
        "trt_engine_cache_enable": "True",
        "trt_engine_cache_path": "engines",
        "trt_timing_cache_enable": "True",
        "trt_timing_cache_path": "engines",
        "trt_profile_min_shapes": "x:1x16",
        "trt_profile_opt_shapes": "x:8x16",
        "trt_profile_max_shapes": "x:8x16",
    }


def test_a_model_of_a_fixed_batch_needs_no_profile(tmp_path: Path) -> None:
    parameters = {"executionProvider": "TensorRT"}
    request = a_model_request(saved(an_mlp(4), tmp_path), parameters, request_batch=4)
    model = load_model(request)
    _, options = provider_settings(Variant.of(request, model), model.interface)[0]
    assert not [name for name in options if "profile" in name]


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        pytest.param({"precision": "fp16"}, {"trt_fp16_enable": "True"}, id="fp16"),
        pytest.param({"precision": "bf16"}, {"trt_bf16_enable": "True"}, id="bf16"),
        pytest.param(
            {"engineWorkspaceMib": 2}, {"trt_max_workspace_size": "2097152"}, id="workspace"
        ),
        pytest.param(
            {"engineOptimizationLevel": 5}, {"trt_builder_optimization_level": "5"}, id="level"
        ),
    ],
)
def test_parameters_become_options_of_tensorrt(
    tmp_path: Path, parameters: dict[str, Any], expected: dict[str, str]
) -> None:
    settings = settings_of(tmp_path, {"executionProvider": "TensorRT", **parameters})
    assert expected.items() <= settings[TENSORRT].items()


@pytest.mark.parametrize(
    ("parameters", "accelerators", "expected"),
    [
        pytest.param({}, 0, "CPU", id="no device"),
        pytest.param({}, 1, "CUDA", id="a device"),
        pytest.param({"precision": "int8-dynamic"}, 1, "CPU", id="what only the CPU can"),
        pytest.param({"executionProvider": "CPU"}, 1, "CPU", id="asked for by name"),
    ],
)
def test_the_pool_decides_where_no_provider_is_named(
    tmp_path: Path, parameters: dict[str, Any], accelerators: int, expected: str
) -> None:
    assert expected == chosen_provider(a_variant(tmp_path, parameters, accelerators))


def refusal(folder: Path, parameters: dict[str, Any], accelerators: int = 0) -> TrialFailure:
    request = a_model_request(saved(an_mlp(), folder), parameters)
    if accelerators:
        request = request.replace(
            resources=Resources(accelerators={"nvidia.com/gpu": accelerators})
        )
    made = folder / "build"
    made.mkdir()
    with pytest.raises(TrialFailure) as raised:
        build(request, load_model(request), made)
    assert list(made.iterdir()) == []
    return raised.value


@pytest.mark.skipif(
    CUDA in onnxruntime.get_available_providers(), reason="this ONNX Runtime has the CUDA provider"
)
@pytest.mark.parametrize(
    ("parameters", "accelerators"),
    [({"executionProvider": "CUDA"}, 0), ({"executionProvider": "TensorRT"}, 0), ({}, 1)],
)
def test_a_provider_that_is_not_built_in_is_refused_before_anything_is_converted(
    tmp_path: Path, parameters: dict[str, Any], accelerators: int
) -> None:
    failure = refusal(tmp_path, parameters, accelerators)
    assert failure.outcome is OutcomeKind.MISCONFIGURED
    assert failure.cause is Cause.MISSING_DEPENDENCY
    assert f"ExecutionProvider of ONNX Runtime {onnxruntime.__version__}" in failure.message


def test_a_device_that_was_promised_and_is_not_there_is_the_nodes_fault() -> None:
    failure = why_no_device(0, 1, "executionProvider", "CUDA")
    assert failure is not None
    assert failure.outcome is OutcomeKind.INFRASTRUCTURE
    assert failure.cause is Cause.HARDWARE_FAULT


def test_a_device_that_nobody_asked_for_is_the_users_to_give() -> None:
    failure = why_no_device(0, 0, "executionProvider", "CUDA")
    assert failure is not None
    assert failure.outcome is OutcomeKind.MISCONFIGURED
    assert failure.message == (
        "parameter executionProvider: needs a CUDA device, none is found: "
        "give the pool resources.accelerators, got 'CUDA'"
    )


def test_a_device_that_is_seen_will_do() -> None:
    assert why_no_device(1, 0, "executionProvider", "CUDA") is None


def test_a_provider_that_runs_no_node_is_a_silent_fallback() -> None:
    with pytest.raises(TrialFailure) as raised:
        check_used("CUDA", {CPU: 7})
    assert raised.value.outcome is OutcomeKind.INVALID
    assert raised.value.cause is Cause.SILENT_FALLBACK
    assert raised.value.message == (
        "executionProvider CUDA runs none of the nodes: CPUExecutionProvider 7"
    )


def test_a_provider_that_runs_some_nodes_is_believed_and_its_share_told() -> None:
    nodes = {TENSORRT: 1, CPU: 3}
    check_used("TensorRT", nodes)
    assert node_facts("TensorRT", nodes) == {
        "provider": TENSORRT,
        "nodes": 4,
        "nodesCpuShare": 0.75,
        "nodesCudaShare": 0.0,
        "nodesTensorrtShare": 0.25,
    }


def test_a_graph_without_nodes_is_run_by_what_was_asked_for() -> None:
    assert node_facts("CPU", {})["nodesCpuShare"] == 1.0
