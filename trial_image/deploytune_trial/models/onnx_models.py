"""ONNX files as models: ONNX Runtime itself says whether it takes them and what their interface is.

Refused by name: what is no ONNX or needs a newer ONNX Runtime; tensors that are none (sequences,
maps, optionals) or hold text; open axes that the workload gives no shape for; and a first axis
that is not the batch. A first axis fixed at N is taken where every input has it and the workload's
request batch is N; requests are then served one by one, and outputs may have any first axis.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import onnxruntime

from deploytune.contract.workload import ModelSource, Workload
from deploytune_trial.failures import bad_workload, first_line
from deploytune_trial.models.interface import Array, ModelInterface, Tensor
from deploytune_trial.models.loaded import LoadedModel
from deploytune_trial.models.probing import PROBE_BATCH, synthetic_samples, why_no_batch

_NUMPY_TYPES = {
    "tensor(bool)": "bool",
    "tensor(double)": "float64",
    "tensor(float)": "float32",
    "tensor(float16)": "float16",
    "tensor(int8)": "int8",
    "tensor(int16)": "int16",
    "tensor(int32)": "int32",
    "tensor(int64)": "int64",
    "tensor(uint8)": "uint8",
    "tensor(uint16)": "uint16",
    "tensor(uint32)": "uint32",
    "tensor(uint64)": "uint64",
}
_OPEN = -1
_LIKELY_LENGTH = 128
_ERRORS_ONLY = 3
_INPUTS_FIELD = "workload.inputs"


def load_onnx_model(source: ModelSource, workload: Workload) -> LoadedModel:
    """Read the interface of an ONNX file and prove it by one small run.

    Raises:
        TrialFailure: Misconfigured, naming the model and what it breaks.
    """
    field = f"model {source.name}"
    path = Path(source.source)
    session = _open_session(field, path)
    declared = [_declared_input(field, node) for node in session.get_inputs()]
    if not declared:
        raise bad_workload(field, "must have an input")
    fixed_batch = _fixed_batch(field, declared, workload.request_batch)
    inputs = without_open_axes(field, declared, workload)
    batched = fixed_batch is None
    outputs = _probe(field, session, inputs, fixed_batch or PROBE_BATCH, batched=batched)
    interface = ModelInterface(inputs, outputs, batched=batched)
    return LoadedModel(source.name, source.source, interface, onnx_path=path)


def without_open_axes(
    field: str, declared: Sequence[Tensor], workload: Workload
) -> tuple[Tensor, ...]:
    """Return the inputs without batch axis, open axes filled in from `workload.inputs`.

    Raises:
        TrialFailure: an axis stays open, or a shape suits no input.
    """
    given = {shape.name: shape.shape for shape in workload.inputs}
    unknown = sorted(given.keys() - {tensor.name for tensor in declared})
    # Of several models, each takes the shapes of its own inputs.
    if unknown and len(workload.models) == 1:
        known = ", ".join(tensor.name for tensor in declared)
        raise bad_workload(_INPUTS_FIELD, f"must name inputs of {field} ({known})", unknown[0])
    return tuple(
        replace(tensor, shape=_filled_in(field, tensor, given.get(tensor.name)))
        for tensor in declared
    )


def _filled_in(field: str, tensor: Tensor, given: tuple[int, ...] | None) -> tuple[int, ...]:
    own = tensor.shape[1:]
    if given is None:
        if _OPEN in own:
            likely = [_LIKELY_LENGTH if axis == _OPEN else axis for axis in own]
            rule = (
                f"must give the shape of input {tensor.name!r} of {field}, which leaves axes open, "
                f"such as {{name: {tensor.name}, shape: {likely}}}; the batch left out"
            )
            raise bad_workload(_INPUTS_FIELD, rule, [*own])
        return own
    suits = len(own) == len(given) and all(
        axis in {_OPEN, size} for axis, size in zip(own, given, strict=True)
    )
    if not suits:
        rule = f"shape of {tensor.name!r} must suit {[*own]} of {field}, the batch left out"
        raise bad_workload(_INPUTS_FIELD, rule, [*given])
    return given


def _open_session(field: str, path: Path) -> Any:
    if not path.is_file():
        raise bad_workload(field, "no such file", str(path))
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = _ERRORS_ONLY
    try:
        return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        rule = f"must be an ONNX file that ONNX Runtime {onnxruntime.__version__} reads"
        # The value is the path already: a long one here would leave no room for the reason.
        said = first_line(Exception(str(error).replace(str(path), path.name)))
        raise bad_workload(field, f"{rule} ({said})", str(path)) from error


def _declared_input(field: str, node: Any) -> Tensor:
    tensor = Tensor(node.name, _dtype(field, "input", node), declared_sizes(node))
    if not tensor.shape:
        raise bad_workload(field, f"input {node.name!r} must have the batch as its first axis")
    return tensor


def declared_sizes(node: Any) -> tuple[int, ...]:
    """Return the axes of a session's input or output, -1 for an open one."""
    return tuple(size if isinstance(size, int) else _OPEN for size in node.shape)


def _dtype(field: str, kind: str, node: Any) -> str:
    if node.type not in _NUMPY_TYPES:
        raise bad_workload(field, f"{kind} {node.name!r} must be a tensor of numbers", node.type)
    return _NUMPY_TYPES[node.type]


def _fixed_batch(field: str, declared: Sequence[Tensor], request_batch: int) -> int | None:
    """Return the number that the model fixes its batch axis at, None where it is open."""
    first_axes = {tensor.shape[0] for tensor in declared}
    if len(first_axes) > 1:
        shown = {tensor.name: tensor.shape[0] for tensor in declared}
        raise bad_workload(field, "first axis of all inputs must be the batch", shown)
    batch = first_axes.pop()
    if batch == _OPEN:
        return None
    if batch != request_batch:
        rule = f"fixes its batch at {batch}, so workload.requestBatch must be {batch}"
        raise bad_workload(field, rule, request_batch)
    return batch


def _probe(
    field: str, session: Any, inputs: Sequence[Tensor], batch: int, *, batched: bool
) -> tuple[Tensor, ...]:
    nodes = session.get_outputs()
    dtypes = [_dtype(field, "output", node) for node in nodes]
    try:
        values = session.run(None, dict(synthetic_samples(inputs, batch)))
    except Exception as error:
        shapes = ", ".join(f"{tensor.name} {[batch, *tensor.shape]}" for tensor in inputs)
        rule = f"must run at a batch of {batch}, with {shapes} ({first_line(error)})"
        raise bad_workload(field, rule) from error
    names = [node.name for node in nodes]
    wrong = why_no_batch(dict(zip(names, values, strict=True)), batch if batched else None)
    if wrong is not None:
        raise bad_workload(field, wrong)
    return tuple(
        Tensor(node.name, dtype, _output_shape(node, array), batch_first=len(array) == batch)
        for node, dtype, array in zip(nodes, dtypes, values, strict=True)
    )


def _output_shape(node: Any, array: Array) -> tuple[int, ...]:
    declared = declared_sizes(node)
    return declared[1:] if len(declared) == array.ndim else (_OPEN,) * (array.ndim - 1)
