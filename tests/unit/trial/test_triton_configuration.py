"""Every configuration is read back by the protobuf that Triton itself reads it with."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from google.protobuf import text_format
from tritonclient.grpc.model_config_pb2 import ModelConfig

from deploytune.contract.outcomes import Cause
from deploytune_trial.failures import TrialFailure
from deploytune_trial.models.interface import ModelInterface, Tensor
from deploytune_trial.serving import Serving, WarmUpShapes
from deploytune_trial.triton.configuration import (
    ModelEntry,
    build_configuration,
    warm_up_batches,
)
from deploytune_trial.triton.native import Accelerator, NativeBackend

IMAGE = Tensor("image", "float32", (1, 8, 8))
TOKENS = Tensor("tokens", "int64", (5,))
LABEL = Tensor("label", "int64", ())
PLAN = NativeBackend("tensorrt", "tensorrt_plan", "model.plan", on_gpu=True)


def an_entry(
    *inputs: Tensor, outputs: tuple[Tensor, ...] = (LABEL,), batched: bool = True, **more: Any
) -> ModelEntry:
    serving = {
        "instances": 2,
        "max_batch_size": 8 if batched else 0,
        "queue_delay_microseconds": 100,
        "intra_op_threads": 3,
        "allow_spinning": False,
        **more.pop("serving", {}),
    }
    interface = ModelInterface(inputs or (IMAGE,), outputs, batched=batched)
    return ModelEntry("net", interface, Serving(**serving), request_batch=4, **more)


def read(entry: ModelEntry) -> Any:
    """The configuration as Triton reads it; what Triton does not know is an error."""
    return text_format.Parse(build_configuration(entry), ModelConfig())


def test_a_model_has_its_instances_its_batches_and_the_python_backend() -> None:
    config = read(an_entry())

    assert (config.name, config.backend, config.platform) == ("net", "python", "")
    assert config.max_batch_size == 8
    assert [(group.count, group.kind) for group in config.instance_group] == [(2, 2)]  # KIND_CPU
    assert config.dynamic_batching.max_queue_delay_microseconds == 100


def test_a_model_that_uses_a_gpu_has_its_instances_there() -> None:
    (group,) = read(an_entry(on_gpu=True)).instance_group
    assert kind_of(group) == "KIND_GPU"


def test_every_device_has_as_many_instances() -> None:
    entry = an_entry(on_gpu=True)
    (group,) = read(entry).instance_group

    assert (group.count, list(group.gpus)) == (2, [])  # Triton puts them on every GPU it sees
    assert [entry.instances_on(devices) for devices in (0, 1, 2)] == [2, 2, 4]
    assert an_entry(on_gpu=False).instances_on(2) == 2


def kind_of(group: Any) -> str:
    return str(type(group).Kind.Name(group.kind))


def test_tensors_have_names_types_and_shapes() -> None:
    config = read(an_entry(IMAGE, TOKENS))

    shown = [(one.name, one.data_type, list(one.dims)) for one in config.input]
    assert shown == [("image", 11, [1, 8, 8]), ("tokens", 9, [5])]  # TYPE_FP32, TYPE_INT64


@pytest.mark.parametrize(
    ("dtype", "expected"),
    [
        ("bool", "TYPE_BOOL"),
        ("uint8", "TYPE_UINT8"),
        ("int8", "TYPE_INT8"),
        ("int32", "TYPE_INT32"),
        ("float16", "TYPE_FP16"),
        ("float64", "TYPE_FP64"),
    ],
)
def test_every_type_is_one_of_tritons(dtype: str, expected: str) -> None:
    (tensor,) = read(an_entry(Tensor("x", dtype, (2,)))).input
    assert (
        expected
        == type(tensor)
        .DESCRIPTOR.fields_by_name["data_type"]
        .enum_type.values_by_number[tensor.data_type]
        .name
    )


def test_a_name_may_hold_any_character() -> None:
    (tensor,) = read(an_entry(Tensor('a "quoted\\name"\tü', "float32", (2,)))).input
    assert tensor.name == 'a "quoted\\name"\tü'


def test_a_type_that_triton_lacks_is_unsupported() -> None:
    with pytest.raises(TrialFailure, match="Triton has no complex64") as failed:
        build_configuration(an_entry(Tensor("wave", "complex64", (2,))))

    assert failed.value.cause is Cause.UNSUPPORTED


def test_a_tensor_without_axes_is_reshaped() -> None:
    (output,) = read(an_entry()).output

    assert list(output.dims) == [1]
    assert output.HasField("reshape")
    assert list(output.reshape.shape) == []


def test_an_output_with_another_first_axis_leaves_it_open() -> None:
    steps = Tensor("steps", "float32", (1, 3), batch_first=False)
    config = read(an_entry(outputs=(steps,), batched=False))

    assert [-1, 1, 3] == list(config.output[0].dims)


def test_a_native_backend_is_told_outputs_as_its_file_declares_them() -> None:
    outputs = (Tensor("scores", "float32", (3,)), Tensor("rows", "float32", (3,), False))
    native = replace(PLAN, outputs={"scores": (-1, 3), "rows": (1, 3)})

    config = read(an_entry(outputs=outputs, batched=False, native=native))
    assert [list(output.dims) for output in config.output] == [[-1, 3], [1, 3]]

    config = read(an_entry(native=replace(PLAN, outputs={"label": (-1,)})))
    assert list(config.output[0].dims) == [1]
    assert config.output[0].HasField("reshape")


def test_a_model_with_a_fixed_batch_has_that_axis_in_its_dims_and_no_batcher() -> None:
    config = read(an_entry(batched=False))

    assert config.max_batch_size == 0
    assert list(config.input[0].dims) == [4, 1, 8, 8]
    assert not config.HasField("dynamic_batching")
    assert [one.batch_size for one in config.model_warmup] == [1]
    assert list(config.model_warmup[0].inputs["image"].dims) == [4, 1, 8, 8]


def test_preferred_sizes_and_response_cache_stay_out() -> None:
    config = read(an_entry())

    assert list(config.dynamic_batching.preferred_batch_size) == []
    assert not config.response_cache.enable


def test_without_a_policy_a_request_waits_as_long_as_it_takes() -> None:
    assert not read(an_entry()).dynamic_batching.HasField("default_queue_policy")


@pytest.mark.parametrize(
    ("serving", "timeout", "size"),
    [
        ({"queue_timeout_microseconds": 5000}, 5000, 0),
        ({"max_queue_size": 32}, 0, 32),
        ({"queue_timeout_microseconds": 7000, "max_queue_size": 16}, 7000, 16),
    ],
    ids=["a time-out", "a size", "both"],
)
def test_a_queue_policy_rejects(serving: dict[str, int], timeout: int, size: int) -> None:
    policy = read(an_entry(serving=serving)).dynamic_batching.default_queue_policy

    assert policy.timeout_action == type(policy).REJECT
    assert policy.default_timeout_microseconds == timeout
    assert policy.max_queue_size == size
    assert not policy.allow_timeout_override


def test_the_shapes_at_the_ends_are_warmed_up() -> None:
    warm_ups = read(an_entry()).model_warmup
    assert [one.batch_size for one in warm_ups] == [1, 4, 8]


def test_every_batch_that_requests_can_make_may_be_warmed_up() -> None:
    serving = {"max_batch_size": 18, "warm_up_shapes": WarmUpShapes.EVERY}
    assert warm_up_batches(an_entry(serving=serving)) == [1, 4, 8, 12, 16, 18]


def test_of_very_many_shapes_some_are_warmed_up() -> None:
    serving = {"max_batch_size": 4096, "warm_up_shapes": WarmUpShapes.EVERY}
    sizes = warm_up_batches(an_entry(serving=serving))

    assert sizes[:33] == [1, *range(4, 132, 4)]
    assert len(sizes) <= 66
    assert sizes[-1] == 4096


def test_no_shape_need_be_warmed_up() -> None:
    serving = {"warm_up_shapes": WarmUpShapes.NONE}
    assert list(read(an_entry(serving=serving)).model_warmup) == []


def test_integers_are_warmed_up_with_zeros_because_they_may_be_indices() -> None:
    inputs = read(an_entry(IMAGE, TOKENS)).model_warmup[0].inputs

    assert inputs["image"].random_data
    assert inputs["tokens"].zero_data
    assert list(inputs["tokens"].dims) == [5]


def test_tritons_own_onnx_runtime_gets_threads_and_graph_level() -> None:
    native = NativeBackend(
        "onnxruntime",
        "onnxruntime_onnx",
        "model.onnx",
        on_gpu=False,
        parameters={"intra_op_thread_count": "3"},
        graph_level=-1,
    )
    config = read(an_entry(native=native))

    assert (config.backend, config.platform) == ("onnxruntime", "onnxruntime_onnx")
    assert config.default_model_filename == "model.onnx"
    assert config.parameters["intra_op_thread_count"].string_value == "3"
    assert config.optimization.graph.level == -1


def test_accelerators_are_named_in_their_order_with_their_parameters() -> None:
    chosen = (
        Accelerator("tensorrt", {"precision_mode": "FP16", "trt_cuda_graph_enable": "1"}),
        Accelerator("cuda", {}),
    )
    native = NativeBackend(
        "onnxruntime", "onnxruntime_onnx", "model.onnx", on_gpu=True, accelerators=chosen
    )
    accelerators = read(an_entry(native=native)).optimization.execution_accelerators

    told = accelerators.gpu_execution_accelerator
    assert [(one.name, dict(one.parameters)) for one in told] == [
        (one.name, one.parameters) for one in chosen
    ]


def test_an_engine_may_be_replayed_as_a_cuda_graph() -> None:
    assert not read(an_entry(native=PLAN)).optimization.cuda.graphs

    native = NativeBackend("tensorrt", "tensorrt_plan", "model.plan", True, cuda_graphs=True)
    config = read(an_entry(native=native, on_gpu=True))

    assert config.optimization.cuda.graphs
    assert config.platform == "tensorrt_plan"


@pytest.mark.parametrize(
    ("batched", "largest", "recorded"),
    [(True, 18, [4, 8, 12, 16]), (True, 4, [4]), (False, 0, [])],
    ids=["some", "one", "the fixed one, by default"],
)
def test_a_cuda_graph_is_recorded_for_every_batch_that_requests_can_make(
    *, batched: bool, largest: int, recorded: list[int]
) -> None:
    native = replace(PLAN, cuda_graphs=True)
    serving = {"max_batch_size": largest}
    config = read(an_entry(native=native, batched=batched, serving=serving))

    assert [spec.batch_size for spec in config.optimization.cuda.graph_spec] == recorded


def test_of_very_many_batches_some_are_recorded() -> None:
    native = replace(PLAN, cuda_graphs=True)
    config = read(an_entry(native=native, serving={"max_batch_size": 4096}))

    sizes = [spec.batch_size for spec in config.optimization.cuda.graph_spec]
    assert sizes[:32] == list(range(4, 132, 4))
    assert len(set(sizes)) == len(sizes) <= 65
    assert sizes[-1] == 4096
