from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import ModelProto, TensorProto, helper
from onnx.reference import ReferenceEvaluator
from onnx_builders import (
    BATCH,
    FEATURES,
    a_convolution,
    a_model,
    a_sum_of_two,
    an_embedding,
    an_mlp,
    floats,
    random,
)

from deploytune_trial.build.graphs.bfloat16 import convert_to_bfloat16


def value_types(model: ModelProto) -> dict[str, int]:
    inferred = onnx.shape_inference.infer_shapes(model, strict_mode=True)
    return {value.name: value.type.tensor_type.elem_type for value in inferred.graph.value_info}


def evaluated(model: ModelProto, x: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The first output, computed without ONNX Runtime."""
    outputs = ReferenceEvaluator(model).run(None, {"x": x})
    assert isinstance(outputs, list)
    return np.asarray(outputs[0])


@pytest.mark.parametrize(
    "model",
    [
        pytest.param(an_mlp(), id="matrix products"),
        pytest.param(a_convolution(), id="an operator that wants a float32 input"),
        pytest.param(a_sum_of_two(), id="two inputs and outputs"),
        pytest.param(an_embedding(), id="integer input"),
    ],
)
def test_a_converted_graph_is_well_typed_and_keeps_its_interface(model: ModelProto) -> None:
    converted = convert_to_bfloat16(model)
    onnx.checker.check_model(converted, full_check=True)
    assert list(model.graph.input) == list(converted.graph.input)
    assert [value.name for value in model.graph.output] == [
        value.name for value in converted.graph.output
    ]
    assert {value.type.tensor_type.elem_type for value in converted.graph.output} == {
        TensorProto.FLOAT
    }


def test_weights_and_activations_become_bfloat16() -> None:
    converted = convert_to_bfloat16(an_mlp())
    assert {tensor.data_type for tensor in converted.graph.initializer} == {TensorProto.BFLOAT16}
    assert value_types(converted)["h"] == TensorProto.BFLOAT16


def test_factors_that_must_be_float32_stay_so() -> None:
    converted = convert_to_bfloat16(a_convolution())
    types = {tensor.name: tensor.data_type for tensor in converted.graph.initializer}
    assert types["factors"] == TensorProto.FLOAT
    assert value_types(converted)["c"] == TensorProto.BFLOAT16


def test_constants_inside_the_graph_are_converted_too() -> None:
    factor = helper.make_tensor("value", TensorProto.FLOAT, [1], [2.0])
    model = a_model(
        [
            helper.make_node("Constant", [], ["two"], value=factor),
            helper.make_node("Mul", ["x", "two"], ["y"]),
        ],
        [floats("x", BATCH, 3)],
        [floats("y", BATCH, 3)],
    )
    converted = convert_to_bfloat16(model)
    onnx.checker.check_model(converted, full_check=True)
    assert [TensorProto.BFLOAT16] == [tensor.data_type for tensor in converted.graph.initializer]


def test_a_converted_model_computes_nearly_the_same() -> None:
    x = random(5, FEATURES)
    expected, got = evaluated(an_mlp(), x), evaluated(convert_to_bfloat16(an_mlp()), x)
    assert got.dtype == np.float32
    assert 0 < np.abs(got - expected).max() < 0.05 * np.abs(expected).max()


def test_a_node_with_a_graph_inside_is_refused() -> None:
    branch = helper.make_graph(
        [helper.make_node("Relu", ["x"], ["inner"])], "branch", [], [floats("inner", BATCH, 3)]
    )
    condition = helper.make_tensor("value", TensorProto.BOOL, [], [True])
    model = a_model(
        [
            helper.make_node("Constant", [], ["c"], value=condition),
            helper.make_node("If", ["c"], ["y"], then_branch=branch, else_branch=branch),
        ],
        [floats("x", BATCH, 3)],
        [floats("y", BATCH, 3)],
    )
    with pytest.raises(ValueError, match="does not reach into the body of If"):
        convert_to_bfloat16(model)
