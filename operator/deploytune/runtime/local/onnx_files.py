"""Reads what an ONNX file takes and gives, its weights left on the disk.

What cannot be tuned is refused by name: files that are no ONNX model, folders of Triton's model
repository that hold an ensemble, a sequence or decoupled model or an LLM, and inputs or outputs
that are no tensors of numbers.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from deploytune.api.model_descriptions import ModelDescription, TensorDescription
from deploytune.api.model_sources import UNSUPPORTED_KINDS
from deploytune.contract.errors import InvalidTuningError

if TYPE_CHECKING:
    import onnx

_TRITON_CONFIGURATION = "config.pbtxt"
_KIND_MARKS = (
    ("ensemble", re.compile(r'platform:\s*"ensemble"|ensemble_scheduling')),
    ("sequence", re.compile(r"sequence_batching")),
    ("decoupled", re.compile(r"decoupled:\s*(true|True)")),
    ("vllm", re.compile(r'backend:\s*"vllm"')),
    ("tensorrtllm", re.compile(r'backend:\s*"tensorrtllm"')),
)
_AROUND = " (a python: function may wrap it)"
_NO_TENSORS = {
    "sequence_type": "a sequence",
    "map_type": "a map",
    "optional_type": "optional",
    "sparse_tensor_type": "a sparse tensor",
}


def describe_onnx(path: Path, field: str | None = None) -> ModelDescription:
    """Return a model's inputs and outputs; `field` is where a tuning names the file.

    Raises:
        InvalidTuningError: no file, no ONNX model, or one of a kind that cannot be tuned.
    """
    place = field or str(path)
    model = _load(path, place)
    _check_external_data(model, path.parent, place)
    weights = {tensor.name for tensor in model.graph.initializer}
    inputs = [value for value in model.graph.input if value.name not in weights]
    if not inputs:
        raise InvalidTuningError(place, "must have an input", str(path))
    described = {
        kind: tuple(_describe(value, kind, place) for value in values)
        for kind, values in (("input", inputs), ("output", list(model.graph.output)))
    }
    return ModelDescription(
        source=str(path),
        inputs=described["input"],
        outputs=described["output"],
        fixed_batch=_fixed_batch(inputs, place),
    )


def _load(path: Path, place: str) -> onnx.ModelProto:
    import onnx

    if path.is_dir() or path.name == _TRITON_CONFIGURATION:
        raise InvalidTuningError(place, _why_no_file(path), str(path))
    if not path.is_file():
        raise InvalidTuningError(place, "must be an existing file", str(path))
    try:
        model = onnx.load_model(path, format="protobuf", load_external_data=False)
    except OSError as error:
        raise InvalidTuningError(place, f"must be readable: {error.strerror}", str(path)) from error
    except Exception as error:
        # protobuf's DecodeError, whose place differs between its versions
        raise InvalidTuningError(place, "must be an ONNX file", str(path)) from error
    if not (model.ir_version and model.opset_import and model.graph.output):
        raise InvalidTuningError(place, "must be an ONNX file", str(path))
    _check_opset(model, place)
    return model


def _check_opset(model: onnx.ModelProto, place: str) -> None:
    import onnx

    known = onnx.defs.onnx_opset_version()
    used = max((one.version for one in model.opset_import if not one.domain), default=0)
    if used > known:
        rule = f"must have an opset of at most {known}, the newest that onnx {onnx.__version__} has"
        raise InvalidTuningError(place, rule, used)


def _why_no_file(path: Path) -> str:
    configuration = path / _TRITON_CONFIGURATION if path.is_dir() else path
    if configuration.is_file():
        text = configuration.read_text(encoding="utf-8", errors="replace")
        for kind, mark in _KIND_MARKS:
            if mark.search(text):
                return UNSUPPORTED_KINDS[kind]
    return "must be an ONNX file, not a folder of Triton's model repository"


def _check_external_data(model: onnx.ModelProto, folder: Path, place: str) -> None:
    for tensor in model.graph.initializer:
        for entry in tensor.external_data:
            if entry.key == "location" and not (folder / entry.value).is_file():
                rule = "must have its external data beside it, which is missing"
                raise InvalidTuningError(place, rule, entry.value)


def _describe(value: onnx.ValueInfoProto, kind: str, place: str) -> TensorDescription:
    import onnx

    form = value.type.WhichOneof("value")
    if form != "tensor_type":
        what = _NO_TENSORS.get(form or "", "of no known type")
        raise InvalidTuningError(
            place, f"must have tensors only: {kind} {value.name!r} is {what}{_hint(form)}"
        )
    tensor = value.type.tensor_type
    if tensor.elem_type in (onnx.TensorProto.UNDEFINED, onnx.TensorProto.STRING):
        raise InvalidTuningError(
            place, f"must have tensors of numbers: {kind} {value.name!r} is not"
        )
    if not tensor.HasField("shape") or not tensor.shape.dim:
        raise InvalidTuningError(
            place,
            f"must have a batch axis in all inputs and outputs: {kind} {value.name!r} has no known "
            f"axes{_AROUND}",
        )
    return TensorDescription(
        name=value.name,
        dtype=str(onnx.helper.tensor_dtype_to_np_dtype(tensor.elem_type)),
        shape=tuple(_length(axis) for axis in tensor.shape.dim[1:]),
    )


def _shown_batch(value: onnx.ValueInfoProto) -> int | str:
    first = value.type.tensor_type.shape.dim[0]
    return _length(first) or first.dim_param or "open"


def _hint(form: str | None) -> str:
    return " (skl2onnx: convert with zipmap=False)" if form == "sequence_type" else ""


def _length(axis: onnx.TensorShapeProto.Dimension) -> int | None:
    return axis.dim_value if axis.HasField("dim_value") and axis.dim_value > 0 else None


def _fixed_batch(inputs: Sequence[onnx.ValueInfoProto], place: str) -> int | None:
    batches = {_length(value.type.tensor_type.shape.dim[0]) for value in inputs}
    if len(batches) > 1:
        shown = {value.name: _shown_batch(value) for value in inputs}
        rule = f"must have the same batch axis in all of its inputs{_AROUND}"
        raise InvalidTuningError(place, rule, shown)
    return next(iter(batches), None)
