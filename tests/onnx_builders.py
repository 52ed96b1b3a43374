"""Small ONNX models with seeded weights, and what a trial asks of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import ModelProto, NodeProto, TensorProto, ValueInfoProto, helper, numpy_helper
from trial_builders import a_request

from deploytune.contract.request import TrialRequest
from deploytune_trial.models.loaded import LoadedModel
from deploytune_trial.models.loading import load_model

OPSET = 17
BATCH = "batch"
FEATURES = 16
CLASSES = 4

Axes = Sequence[str | int]


def a_model(
    nodes: Sequence[NodeProto],
    inputs: Sequence[ValueInfoProto],
    outputs: Sequence[ValueInfoProto],
    weights: Mapping[str, np.ndarray[Any, Any]] | None = None,
    opset: int = OPSET,
) -> ModelProto:
    """A model of these parts."""
    constants = [numpy_helper.from_array(value, name) for name, value in (weights or {}).items()]
    graph = helper.make_graph(nodes, "net", inputs, outputs, constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def floats(name: str, *axes: str | int) -> ValueInfoProto:
    """A float32 input or output."""
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, axes)


def an_mlp(batch: str | int = BATCH, hidden: int = 32) -> ModelProto:
    """x -> scores: two layers."""
    weights = {
        "w1": random(FEATURES, hidden),
        "b1": random(hidden),
        "w2": random(hidden, CLASSES),
        "b2": random(CLASSES),
    }
    nodes = [
        helper.make_node("Gemm", ["x", "w1", "b1"], ["h"], "first"),
        helper.make_node("Relu", ["h"], ["r"], "rectify"),
        helper.make_node("Gemm", ["r", "w2", "b2"], ["scores"], "second"),
    ]
    return a_model(
        nodes, [floats("x", batch, FEATURES)], [floats("scores", batch, CLASSES)], weights
    )


def a_convolution(height: str | int = 8, width: str | int = 8) -> ModelProto:
    """image -> scores: magnify, convolve, pool, classify."""
    weights = {
        "factors": np.array([1, 1, 2, 2], np.float32),
        "kernel": random(CLASSES, 3, 3, 3),
        "kernel_bias": random(CLASSES),
    }
    nodes = [
        helper.make_node("Resize", ["image", "", "factors"], ["large"], "magnify"),
        helper.make_node("Conv", ["large", "kernel", "kernel_bias"], ["c"], "convolve"),
        helper.make_node("GlobalAveragePool", ["c"], ["p"], "pool"),
        helper.make_node("Flatten", ["p"], ["scores"], "flatten"),
    ]
    image = floats("image", BATCH, 3, height, width)
    return a_model(nodes, [image], [floats("scores", BATCH, CLASSES)], weights)


def a_greedy_network(elements: int) -> ModelProto:
    """x -> scores: the largest feature, by way of a tensor of so many elements."""
    nodes = [
        helper.make_node("ReduceMax", ["x"], ["largest"], "shrink", axes=[1]),
        helper.make_node("Expand", ["largest", "shape"], ["spread"], "spread"),
        helper.make_node("ReduceMax", ["spread"], ["scores"], "gather", axes=[1]),
    ]
    weights = {"shape": np.array([1, elements], np.int64)}
    return a_model(nodes, [floats("x", BATCH, FEATURES)], [floats("scores", BATCH, 1)], weights)


def an_embedding(rows: int = 10) -> ModelProto:
    """ids (int64) -> vectors, one for each of five tokens."""
    ids = helper.make_tensor_value_info("ids", TensorProto.INT64, [BATCH, 5])
    nodes = [helper.make_node("Gather", ["table", "ids"], ["vectors"], "look_up")]
    return a_model(nodes, [ids], [floats("vectors", BATCH, 5, 3)], {"table": random(rows, 3)})


def a_sum_of_two() -> ModelProto:
    """left, right -> total, difference."""
    nodes = [
        helper.make_node("Add", ["left", "right"], ["total"]),
        helper.make_node("Sub", ["left", "right"], ["difference"]),
    ]
    names = ("left", "right", "total", "difference")
    left, right, total, difference = (floats(name, BATCH, 3) for name in names)
    return a_model(nodes, [left, right], [total, difference])


def a_sequence_model(batch: str | int) -> ModelProto:
    """x -> steps: time comes first, as recognisers of text have it."""
    return a_model(
        [helper.make_node("Transpose", ["x"], ["steps"], perm=[1, 0, 2])],
        [floats("x", batch, 5, 3)],
        [floats("steps", "time", batch, 3)],
    )


def a_model_with_an_open_batch(batch: int) -> ModelProto:
    """x -> y: the rows of a fixed batch, of which no inference of shapes can tell how many."""
    nodes = [
        helper.make_node("Shape", ["x"], ["shape"]),
        helper.make_node("NonZero", ["shape"], ["places"]),
        helper.make_node("Squeeze", ["places"], ["rows"]),
        helper.make_node("Gather", ["x", "rows"], ["y"], axis=0),
    ]
    return a_model(nodes, [floats("x", batch, 2)], [floats("y", "rows", 2)])


def a_model_without_a_rank() -> ModelProto:
    """x -> y: as it came, but of a shape that no inference of shapes can tell the length of."""
    nodes = [
        helper.make_node("Shape", ["x"], ["shape"]),
        helper.make_node("NonZero", ["shape"], ["nonzero"]),
        helper.make_node("Flatten", ["nonzero"], ["flat"]),
        helper.make_node("Squeeze", ["flat"], ["places"]),
        helper.make_node("Gather", ["shape", "places"], ["sizes"]),
        helper.make_node("Reshape", ["x", "sizes"], ["y"]),
    ]
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    return a_model(nodes, [floats("x", BATCH, FEATURES)], [y])


def without_weights() -> ModelProto:
    """x -> y: nothing that a smaller precision would change."""
    nodes = [helper.make_node("Relu", ["x"], ["y"])]
    return a_model(nodes, [floats("x", BATCH, 3)], [floats("y", BATCH, 3)])


def random(*shape: int) -> np.ndarray[Any, Any]:
    """Weights, the same for the same shape."""
    return np.random.default_rng(sum(shape)).standard_normal(shape).astype(np.float32)


def saved(model: ModelProto, folder: Path, name: str = "net.onnx") -> str:
    """The path of a model that has been written."""
    onnx.save(model, folder / name)
    return str(folder / name)


def samples_file(folder: Path, **arrays: np.ndarray[Any, Any]) -> str:
    """The path of an .npz with these arrays."""
    name = f"{'-'.join(arrays)}.npz"
    np.savez(folder / name, **arrays)
    return str(folder / name)


def a_model_request(
    source: str, parameters: Mapping[str, Any] | None = None, **workload: Any
) -> TrialRequest:
    """A request that serves the model at a path."""
    models = [{"name": "net", "source": source}]
    return a_request(parameters=parameters, workload={"models": models, **workload})


def loaded(model: ModelProto, folder: Path, **workload: Any) -> LoadedModel:
    """A model that has been written and loaded."""
    return load_model(a_model_request(saved(model, folder), **workload))
