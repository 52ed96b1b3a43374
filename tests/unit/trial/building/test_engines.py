"""What is asked of TensorRT and what its words mean; no device was there to build an engine."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnx
import pytest
from onnx_builders import FEATURES, a_model_request, an_mlp, loaded, samples_file, saved

from deploytune.contract.outcomes import Cause, OutcomeKind
from deploytune.contract.request import Resources
from deploytune_trial.build.building import build
from deploytune_trial.build.tensorrt.builder import runtime_for
from deploytune_trial.build.tensorrt.messages import (
    ParserError,
    failure_of_builder,
    failure_of_parser,
)
from deploytune_trial.build.tensorrt.plans import EnginePlan, InputRange, plan_engine
from deploytune_trial.build.tensorrt.typed_graphs import write_graph
from deploytune_trial.build.tensorrt.versions import (
    check_version,
    is_same,
    linked_library,
    version_of_number,
)
from deploytune_trial.build.variants import Variant
from deploytune_trial.devices.driver import visible_cuda_devices
from deploytune_trial.failures import TrialFailure
from deploytune_trial.models.loading import load_model

TEN, ELEVEN = "10.13.3.9", "11.4.0.106"

Make = Callable[..., Variant]


@pytest.fixture
def a_variant(tmp_path: Path) -> Make:
    def make(**parameters: Any) -> Variant:
        values = np.random.default_rng(1).standard_normal((8, FEATURES)).astype(np.float32)
        request = a_model_request(
            saved(an_mlp(), tmp_path),
            {"backend": "tensorrt", **parameters},
            calibration_data=samples_file(tmp_path, x=values),
        )
        return Variant.of(request, load_model(request))

    return make


@pytest.fixture
def planned(a_variant: Make, tmp_path: Path) -> Callable[..., EnginePlan]:
    def plan(version: str = TEN, **parameters: Any) -> EnginePlan:
        return plan_engine(a_variant(**parameters), loaded(an_mlp(), tmp_path).interface, version)

    return plan


@pytest.mark.parametrize("version", [TEN, ELEVEN])
@pytest.mark.parametrize("precision", ["fp32", "fp16", "bf16", "fp8", "int8-static"])
def test_the_graph_carries_the_precision(
    planned: Callable[..., EnginePlan], version: str, precision: str
) -> None:
    plan = planned(version, precision=precision)
    assert plan.graph_precision == precision
    assert plan.strongly_typed
    assert plan.flags_set == ()


@pytest.mark.parametrize(
    ("precision", "graph", "flags"),
    [
        ("fp32", "fp32", ()),
        ("fp16", "fp32", ("FP16",)),
        ("bf16", "fp32", ("BF16",)),
        ("int8-static", "int8-static", ("INT8",)),
    ],
)
def test_weak_typing_asks_by_builder_flags(
    planned: Callable[..., EnginePlan], precision: str, graph: str, flags: tuple[str, ...]
) -> None:
    plan = planned(TEN, precision=precision, engineTyping="Weak")
    assert (plan.graph_precision, plan.flags_set, plan.strongly_typed) == (graph, flags, False)


def test_tensorrt_11_types_strongly_alone(planned: Callable[..., EnginePlan]) -> None:
    with pytest.raises(TrialFailure, match="engineTyping Weak: TensorRT 11") as raised:
        planned(ELEVEN, engineTyping="Weak")
    assert raised.value.cause is Cause.UNSUPPORTED


def test_an_engine_takes_every_batch_that_is_served(planned: Callable[..., EnginePlan]) -> None:
    expected = InputRange("x", (1, FEATURES), (16, FEATURES), (16, FEATURES))
    assert planned(maxBatchSize=16).inputs == (expected,)


def test_limits_and_levels_stay_tensorrts_own_unless_asked(
    planned: Callable[..., EnginePlan],
) -> None:
    plan = planned()
    assert (plan.workspace_bytes, plan.optimization_level, plan.hardware_level) == (
        None,
        None,
        None,
    )
    asked = planned(engineWorkspaceMib=64, engineOptimizationLevel=0, tensorFloat32="Forbidden")
    assert asked.workspace_bytes == 64 * 2**20
    assert asked.optimization_level == 0
    assert asked.flags_cleared == ("TF32",)


@pytest.mark.parametrize(
    ("compatibility", "level", "flags"),
    [
        ("Device", None, ()),
        ("Version", None, ("VERSION_COMPATIBLE",)),
        ("ComputeCapability", "SAME_COMPUTE_CAPABILITY", ()),
        ("Ampere", "AMPERE_PLUS", ()),
    ],
)
def test_an_engine_may_run_elsewhere(
    planned: Callable[..., EnginePlan],
    compatibility: str,
    level: str | None,
    flags: tuple[str, ...],
) -> None:
    plan = planned(engineCompatibility=compatibility)
    assert (plan.hardware_level, plan.flags_set) == (level, flags)


@pytest.mark.parametrize(("compatibility", "allowed"), [("Version", True), ("Device", False)])
def test_only_an_engine_that_brings_its_own_runtime_may_run_code_on_the_host(
    planned: Callable[..., EnginePlan], compatibility: str, *, allowed: bool
) -> None:
    played = SimpleNamespace(Runtime=lambda _: SimpleNamespace(engine_host_code_allowed=None))
    runtime = runtime_for(played, None, planned(engineCompatibility=compatibility))
    assert runtime.engine_host_code_allowed is allowed


@pytest.mark.parametrize(
    ("errors", "outcome", "cause"),
    [
        pytest.param(
            ["Error Code 2: OutOfMemory (Requested size was 8589934592 bytes.)"],
            OutcomeKind.CRASHED,
            Cause.OUT_OF_MEMORY,
            id="device memory",
        ),
        pytest.param(
            ["Error Code 10: Internal Error (Could not find any implementation for node first.)"],
            OutcomeKind.CRASHED,
            Cause.UNSUPPORTED,
            id="no kernel",
        ),
        pytest.param(
            ["[defaultAllocator.cpp::allocate::31] Error Code 1: Cuda Runtime (out of memory)",
             "Could not find any implementation for node second."],
            OutcomeKind.CRASHED,
            Cause.OUT_OF_MEMORY,
            id="no kernel for want of memory",
        ),
        pytest.param(
            ["Error 35: CUDA driver version is insufficient for CUDA runtime version"],
            OutcomeKind.MISCONFIGURED,
            Cause.MISSING_DEPENDENCY,
            id="an old driver",
        ),
        pytest.param(
            ["Error Code 1: Cuda Runtime (uncorrectable ECC error encountered)"],
            OutcomeKind.INFRASTRUCTURE,
            Cause.HARDWARE_FAULT,
            id="a broken device",
        ),
        pytest.param(
            ["libnvinfer_lean.so.10: cannot open shared object file: No such file or directory"],
            OutcomeKind.MISCONFIGURED,
            Cause.MISSING_DEPENDENCY,
            id="a library that the image lacks",
        ),
        pytest.param(
            ["Error Code 4: Internal Error (Network has dynamic inputs, no profile)"],
            OutcomeKind.CRASHED,
            Cause.BUILD_FAILED,
            id="any other",
        ),
        pytest.param([], OutcomeKind.CRASHED, Cause.BUILD_FAILED, id="no words"),
    ],
)  # fmt: skip
def test_what_the_builder_logs_is_an_outcome(
    errors: list[str], outcome: OutcomeKind, cause: Cause
) -> None:
    failure = failure_of_builder(errors)
    assert (failure.outcome, failure.cause) == (outcome, cause)
    assert failure.message.startswith("TensorRT's builder: ")
    assert "\n" not in failure.message


@pytest.mark.parametrize(
    ("code", "words", "cause"),
    [
        ("UNSUPPORTED_NODE", "No importer registered for op: NonZeroish", Cause.UNSUPPORTED),
        ("MEM_ALLOC_FAILED", "allocation", Cause.OUT_OF_MEMORY),
        ("INVALID_GRAPH", "cycle", Cause.BUILD_FAILED),
    ],
)
def test_what_the_parser_says_is_an_outcome(code: str, words: str, cause: Cause) -> None:
    failure = failure_of_parser([ParserError(code, words)])
    assert failure.cause is cause
    assert failure.message == f"TensorRT's parser: {code}: {words}"


def test_the_version_that_triton_loads_is_read_from_its_library() -> None:
    lines = "\tlibc.so.6 => /lib/libc.so.6 (0x1)\n\tlibnvinfer.so.10 => /lib/libnvinfer.so.10 (0x2)"
    assert linked_library(lines) == Path("/lib/libnvinfer.so.10")
    assert linked_library("\tlibnvinfer.so.10 => not found\n") is None
    assert version_of_number(101303) == "10.13.3"
    assert version_of_number(110400) == "11.4.0"


def test_versions_are_the_same_by_three_numbers() -> None:
    assert is_same("10.13.3.9", "10.13.3")
    assert not is_same("10.13.3.9", "10.13.2")


def test_a_triton_without_a_backend_for_engines_is_misconfigured() -> None:
    with pytest.raises(TrialFailure, match=r"Triton.* is not installed") as raised:
        check_version(TEN)
    assert raised.value.outcome is OutcomeKind.MISCONFIGURED


@pytest.mark.skipif(visible_cuda_devices() > 0, reason="there is a device")
@pytest.mark.parametrize(
    ("accelerators", "outcome"),
    [({}, OutcomeKind.MISCONFIGURED), ({"nvidia.com/gpu": 1}, OutcomeKind.INFRASTRUCTURE)],
)
def test_no_engine_is_built_without_a_device(
    tmp_path: Path, accelerators: dict[str, int], outcome: OutcomeKind
) -> None:
    request = a_model_request(saved(an_mlp(), tmp_path), {"backend": "tensorrt"})
    request = request.replace(resources=Resources(accelerators=accelerators))
    with pytest.raises(TrialFailure) as raised:
        build(request, load_model(request), tmp_path)
    assert raised.value.outcome is outcome


@pytest.mark.parametrize("granularity", ["PerTensor", "PerChannel"])
def test_ranges_are_such_that_tensorrt_takes_them(
    a_variant: Make, tmp_path: Path, granularity: str
) -> None:
    variant = a_variant(precision="int8-static", quantizationGranularity=granularity)
    target = tmp_path / "graph.onnx"
    assert write_graph(tmp_path / "net.onnx", target, "int8-static", variant) == "onnxruntime"
    constants = {
        one.name: onnx.numpy_helper.to_array(one) for one in onnx.load(target).graph.initializer
    }
    zero_points = [value for name, value in constants.items() if name.endswith("_zero_point")]
    assert zero_points
    assert all((value == 0).all() for value in zero_points)
    assert all(value.dtype != np.int32 for value in constants.values())  # biases stay floats


def test_fp8_needs_modelopt(a_variant: Make, tmp_path: Path) -> None:
    variant = a_variant(precision="fp8")
    try:
        import modelopt.onnx.autocast  # noqa: F401
    except ImportError:
        pass
    else:
        pytest.skip("ModelOpt is installed")
    with pytest.raises(TrialFailure, match="ModelOpt is not installed: precision fp8") as raised:
        write_graph(tmp_path / "net.onnx", tmp_path / "graph.onnx", "fp8", variant)
    assert raised.value.outcome is OutcomeKind.MISCONFIGURED
