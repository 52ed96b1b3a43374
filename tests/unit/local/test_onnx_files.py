from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from model_file_builders import an_input, write_onnx
from onnx import TensorProto, helper, numpy_helper

from deploytune.api.model_descriptions import ModelDescription, TensorDescription
from deploytune.contract.errors import InvalidTuningError
from deploytune.runtime.local.onnx_files import describe_onnx

DIGITS = Path(__file__).parents[3] / "operator" / "examples" / "digits" / "models"
FIELD = "spec.workload.models[0].source"


def refusal_of(path: Path) -> str:
    with pytest.raises(InvalidTuningError) as caught:
        describe_onnx(path, FIELD)
    assert caught.value.field == FIELD
    return str(caught.value).removeprefix(f"{FIELD}: ")


@pytest.mark.parametrize("path", sorted(DIGITS.glob("*.onnx")), ids=lambda path: path.stem)
def test_the_models_of_the_example_are_described(path: Path) -> None:
    described = describe_onnx(path)

    assert described.inputs == (TensorDescription("image", "float32", (1, 8, 8)),)
    assert described.outputs == (TensorDescription("probabilities", "float32", (10,)),)
    assert described.fixed_batch is None


def test_open_and_fixed_axes_are_told_apart(tmp_path: Path) -> None:
    inputs = [
        an_input("tokens", ["batch", "length"], TensorProto.INT64),
        an_input("scale", ["batch"], TensorProto.FLOAT16),
    ]
    path = write_onnx(tmp_path / "m.onnx", inputs)

    expected = (
        TensorDescription("tokens", "int64", (None,)),
        TensorDescription("scale", "float16", ()),
    )
    assert describe_onnx(path).inputs == expected
    assert describe_onnx(path).inputs[0].has_open_axes
    assert not describe_onnx(path).inputs[1].has_open_axes


def test_a_fixed_batch_is_told(tmp_path: Path) -> None:
    path = write_onnx(tmp_path / "m.onnx", [an_input(axes=[3, 4])])

    expected = ModelDescription(
        str(path),
        (TensorDescription("image", "float32", (4,)),),
        (TensorDescription("scores", "float32", (4,)),),
        fixed_batch=3,
    )
    assert describe_onnx(path) == expected


def test_weights_that_are_listed_as_inputs_are_none(tmp_path: Path) -> None:
    weight = numpy_helper.from_array(np.zeros(4, np.float32), "weight")
    inputs = [an_input(), an_input("weight", [4])]

    path = write_onnx(tmp_path / "m.onnx", inputs, weights=[weight])

    assert [tensor.name for tensor in describe_onnx(path).inputs] == ["image"]


def test_weights_beside_the_file_are_not_read_but_must_be_there(tmp_path: Path) -> None:
    weight = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[4])
    weight.data_location = TensorProto.EXTERNAL
    weight.external_data.add(key="location", value="weights.bin")
    path = write_onnx(tmp_path / "m.onnx", weights=[weight])

    expected = "must have its external data beside it, which is missing, got 'weights.bin'"
    assert refusal_of(path) == expected
    (tmp_path / "weights.bin").write_bytes(b"short, so reading it would fail")
    assert describe_onnx(path).inputs[0].name == "image"


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"

    assert refusal_of(path) == f"must be an existing file, got '{path}'"


@pytest.mark.parametrize("content", [b"", b"\x00\xff random", b"PK\x03\x04", b"weights" * 99])
def test_another_file_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(content)

    assert refusal_of(path) == f"must be an ONNX file, got '{path}'"


def test_an_opset_that_is_too_new_is_refused(tmp_path: Path) -> None:
    path = write_onnx(tmp_path / "m.onnx")
    model = onnx.load_model(path)
    model.opset_import[0].version = 999
    onnx.save_model(model, path)

    refused = refusal_of(path)
    assert refused.startswith("must have an opset of at most ")
    assert refused.endswith(", got 999")


def test_without_a_field_the_path_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidTuningError) as caught:
        describe_onnx(tmp_path / "m.onnx")

    assert caught.value.field == str(tmp_path / "m.onnx")


SEQUENCE = helper.make_tensor_sequence_value_info("probabilities", TensorProto.FLOAT, None)
MAP = helper.make_value_info(
    "probabilities",
    helper.make_map_type_proto(
        TensorProto.INT64, helper.make_tensor_type_proto(TensorProto.FLOAT, None)
    ),
)
OPTIONAL = helper.make_value_info(
    "probabilities",
    helper.make_optional_type_proto(helper.make_tensor_type_proto(TensorProto.FLOAT, None)),
)


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        pytest.param(
            SEQUENCE,
            "must have tensors only: output 'probabilities' is a sequence (skl2onnx: convert with "
            "zipmap=False)",
            id="a sequence, as skl2onnx makes by default",
        ),
        pytest.param(MAP, "must have tensors only: output 'probabilities' is a map", id="a map"),
        pytest.param(
            OPTIONAL, "must have tensors only: output 'probabilities' is optional", id="optional"
        ),
        pytest.param(
            an_input("label", ["batch"], TensorProto.STRING),
            "must have tensors of numbers: output 'label' is not",
            id="strings",
        ),
        pytest.param(
            an_input("scores", []),
            "must have a batch axis in all inputs and outputs: output 'scores' has no known axes "
            "(a python: function may wrap it)",
            id="a scalar",
        ),
    ],
)
def test_outputs_that_are_no_tensors_of_numbers_are_refused_by_name(
    tmp_path: Path, output: onnx.ValueInfoProto, expected: str
) -> None:
    assert refusal_of(write_onnx(tmp_path / "m.onnx", outputs=[output])) == expected


def test_inputs_must_agree_on_the_batch(tmp_path: Path) -> None:
    path = write_onnx(tmp_path / "m.onnx", [an_input(axes=[1, 4]), an_input("mask", ["batch", 4])])

    expected = (
        "must have the same batch axis in all of its inputs (a python: function may wrap it), "
        "got {'image': 1, 'mask': 'batch'}"
    )
    assert refusal_of(path) == expected


def test_a_model_must_have_an_input(tmp_path: Path) -> None:
    weight = numpy_helper.from_array(np.zeros((1, 4), np.float32), "image")
    path = write_onnx(tmp_path / "m.onnx", [an_input(axes=[1, 4])], weights=[weight])

    assert refusal_of(path) == f"must have an input, got '{path}'"


@pytest.mark.parametrize(
    ("configuration", "expected"),
    [
        ('platform: "ensemble"', "ensembles are not supported: tune their models one by one"),
        (
            "sequence_batching { }",
            "sequence models are not supported: their requests depend on each other",
        ),
        (
            "model_transaction_policy { decoupled: true }",
            "decoupled models are not supported: a request must have one response",
        ),
        (
            'backend: "vllm"',
            "LLM backends are not supported: their requests stream tokens, which are no tensor",
        ),
        (
            'backend: "onnxruntime"',
            "must be an ONNX file, not a folder of Triton's model repository",
        ),
    ],
)
def test_a_folder_of_a_model_repository_is_refused_by_its_kind(
    tmp_path: Path, configuration: str, expected: str
) -> None:
    (tmp_path / "config.pbtxt").write_text(configuration)

    assert refusal_of(tmp_path) == f"{expected}, got '{tmp_path}'"
    path = tmp_path / "config.pbtxt"
    assert refusal_of(path) == f"{expected}, got '{path}'"
