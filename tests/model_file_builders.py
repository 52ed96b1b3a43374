"""Small ONNX files and .npz files, written with what a test needs them to be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper

Axis = str | int


def an_input(
    name: str = "image", axes: list[Axis] | None = None, dtype: int = TensorProto.FLOAT
) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, dtype, ["batch", 4] if axes is None else axes)


def write_onnx(
    path: Path,
    inputs: list[onnx.ValueInfoProto] | None = None,
    outputs: list[onnx.ValueInfoProto] | None = None,
    weights: list[onnx.TensorProto] | None = None,
) -> Path:
    inputs = [an_input()] if inputs is None else inputs
    outputs = [an_input("scores", ["batch", 4])] if outputs is None else outputs
    nodes = [helper.make_node("Identity", [inputs[0].name], [out.name]) for out in outputs]
    graph = helper.make_graph(nodes, "graph", inputs, outputs, weights or [])
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save_model(helper.make_model(graph), path)
    return path


def write_npz(path: Path, **arrays: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, **arrays)
    return path


def some_data(samples: int = 6, **more: Any) -> dict[str, Any]:
    return {"image": np.zeros((samples, 4), np.float32), **more}


def some_labels(samples: int = 6) -> Any:
    return np.zeros(samples, np.int64)
