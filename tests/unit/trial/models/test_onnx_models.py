from __future__ import annotations

from pathlib import Path

import pytest
from onnx import ModelProto, TensorProto, helper
from onnx_builders import (
    BATCH,
    CLASSES,
    FEATURES,
    a_convolution,
    a_model,
    a_model_request,
    a_sequence_model,
    a_sum_of_two,
    an_embedding,
    an_mlp,
    floats,
    loaded,
    saved,
)

from deploytune.contract.outcomes import Cause, OutcomeKind
from deploytune_trial.failures import TrialFailure
from deploytune_trial.models.interface import ModelInterface, Tensor
from deploytune_trial.models.loading import load_model


def refusal(model: ModelProto, folder: Path, **workload: object) -> str:
    with pytest.raises(TrialFailure) as raised:
        loaded(model, folder, **workload)
    assert raised.value.outcome is OutcomeKind.MISCONFIGURED
    assert raised.value.cause is Cause.BAD_WORKLOAD
    assert "\n" not in raised.value.message
    return raised.value.message


def refusal_of_file(content: bytes | None, folder: Path) -> str:
    path = folder / "broken.onnx"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(TrialFailure) as raised:
        load_model(a_model_request(str(path)))
    return raised.value.message


def test_the_batch_axis_stands_in_no_shape(tmp_path: Path) -> None:
    interface = loaded(an_mlp(), tmp_path).interface
    expected = ModelInterface(
        inputs=(Tensor("x", "float32", (FEATURES,)),),
        outputs=(Tensor("scores", "float32", (CLASSES,)),),
        batched=True,
    )
    assert expected == interface


def test_inputs_and_outputs_keep_the_order_of_the_model(tmp_path: Path) -> None:
    interface = loaded(a_sum_of_two(), tmp_path).interface
    assert ["left", "right"] == [tensor.name for tensor in interface.inputs]
    assert ["total", "difference"] == [tensor.name for tensor in interface.outputs]


def test_integer_inputs_are_read_as_such(tmp_path: Path) -> None:
    interface = loaded(an_embedding(), tmp_path).interface
    assert interface.inputs == (Tensor("ids", "int64", (5,)),)


def test_an_interface_survives_json(tmp_path: Path) -> None:
    interface = loaded(a_sum_of_two(), tmp_path).interface
    assert interface == ModelInterface.from_json(interface.to_json())


def test_open_axes_take_the_shape_of_the_workload(tmp_path: Path) -> None:
    shape = {"name": "image", "shape": [3, 6, 10]}
    interface = loaded(a_convolution("height", "width"), tmp_path, inputs=[shape]).interface
    assert interface.inputs == (Tensor("image", "float32", (3, 6, 10)),)


def test_open_axes_without_a_shape_are_refused(tmp_path: Path) -> None:
    message = refusal(a_convolution("height", "width"), tmp_path)
    assert message.startswith("workload.inputs: must give the shape of input 'image'")
    assert message.endswith("got [3, -1, -1]")


@pytest.mark.parametrize("shape", [[3, 6], [4, 6, 10], [3, 6, 10, 1]])
def test_a_shape_that_does_not_suit_the_model_is_refused(tmp_path: Path, shape: list[int]) -> None:
    inputs = [{"name": "image", "shape": shape}]
    message = refusal(a_convolution("height", "width"), tmp_path, inputs=inputs)
    assert "shape of 'image' must suit [3, -1, -1]" in message


def test_a_shape_for_an_input_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    message = refusal(an_mlp(), tmp_path, inputs=[{"name": "y", "shape": [1]}])
    assert message == "workload.inputs: must name inputs of model net (x), got 'y'"


def test_a_fixed_batch_that_is_the_request_batch_is_taken(tmp_path: Path) -> None:
    interface = loaded(an_mlp(batch=4), tmp_path, request_batch=4).interface
    assert not interface.batched
    assert interface.inputs == (Tensor("x", "float32", (FEATURES,)),)


def test_a_fixed_batch_that_is_not_the_request_batch_is_refused(tmp_path: Path) -> None:
    expected = "model net: fixes its batch at 4, so workload.requestBatch must be 4, got 1"
    assert expected == refusal(an_mlp(batch=4), tmp_path)


def test_an_output_of_a_model_that_fixes_its_batch_may_have_time_first(tmp_path: Path) -> None:
    interface = loaded(a_sequence_model(1), tmp_path).interface
    assert interface.outputs == (Tensor("steps", "float32", (1, 3), batch_first=False),)
    assert interface == ModelInterface.from_json(interface.to_json())


def test_an_output_of_a_batched_model_may_not_have_time_first(tmp_path: Path) -> None:
    message = refusal(a_sequence_model(BATCH), tmp_path)
    assert "output 'steps' must have the batch as its first axis" in message


def test_a_batch_that_is_open_on_paper_only_is_refused(tmp_path: Path) -> None:
    shape = helper.make_tensor("shape", TensorProto.INT64, [2], [1, 3])
    model = a_model(
        [
            helper.make_node("Constant", [], ["s"], value=shape),
            helper.make_node("Reshape", ["x", "s"], ["y"]),
        ],
        [floats("x", BATCH, 3)],
        [floats("y", BATCH, 3)],
    )
    assert "must run at a batch of 2" in refusal(model, tmp_path)


def test_an_output_without_the_batch_is_refused(tmp_path: Path) -> None:
    model = a_model(
        [helper.make_node("ReduceSum", ["x"], ["y"], keepdims=0)],
        [floats("x", BATCH, 3)],
        [floats("y")],
    )
    assert "output 'y' must have the batch as its first axis" in refusal(model, tmp_path)


def test_an_input_without_any_axis_is_refused(tmp_path: Path) -> None:
    model = a_model([helper.make_node("Relu", ["x"], ["y"])], [floats("x")], [floats("y")])
    expected = "model net: input 'x' must have the batch as its first axis"
    assert expected == refusal(model, tmp_path)


def test_inputs_whose_first_axes_differ_are_refused(tmp_path: Path) -> None:
    model = a_model(
        [helper.make_node("Add", ["x", "b"], ["y"])],
        [floats("x", BATCH, 3), floats("b", 1, 3)],
        [floats("y", BATCH, 3)],
    )
    assert "first axis of all inputs must be the batch" in refusal(model, tmp_path)


def test_outputs_that_are_no_tensors_are_refused(tmp_path: Path) -> None:
    model = a_model(
        [helper.make_node("SequenceConstruct", ["x"], ["y"])],
        [floats("x", BATCH, 3)],
        [helper.make_tensor_sequence_value_info("y", TensorProto.FLOAT, None)],
    )
    expected = "model net: output 'y' must be a tensor of numbers, got 'seq(tensor(float))'"
    assert expected == refusal(model, tmp_path)


def test_text_is_refused(tmp_path: Path) -> None:
    text = helper.make_tensor_value_info("x", TensorProto.STRING, [BATCH])
    out = helper.make_tensor_value_info("y", TensorProto.STRING, [BATCH])
    model = a_model([helper.make_node("Identity", ["x"], ["y"])], [text], [out])
    assert "input 'x' must be a tensor of numbers" in refusal(model, tmp_path)


def test_an_opset_that_is_too_new_is_refused_however_long_the_path(tmp_path: Path) -> None:
    folder = tmp_path / "folder" / ("long" * 50)
    folder.mkdir(parents=True)
    model = an_mlp()
    model.opset_import[0].version = 99
    message = refusal(model, folder)
    assert "must be an ONNX file that ONNX Runtime" in message
    assert "99" in message


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        pytest.param(None, "model net: no such file", id="missing"),
        pytest.param(b"", "must be an ONNX file", id="empty"),
        pytest.param(b"not a model", "must be an ONNX file", id="text"),
    ],
)
def test_a_file_that_is_no_model_is_refused(
    tmp_path: Path, content: bytes | None, expected: str
) -> None:
    assert expected in refusal_of_file(content, tmp_path)


def test_a_truncated_model_is_refused(tmp_path: Path) -> None:
    whole = Path(saved(an_mlp(), tmp_path)).read_bytes()
    assert "must be an ONNX file" in refusal_of_file(whole[: len(whole) // 2], tmp_path)
