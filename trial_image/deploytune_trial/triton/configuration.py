"""A model's `config.pbtxt`.

Left out on purpose: `preferred_batch_size`, which only helps engines built for certain sizes, and
the response cache, which would measure itself. Every shape that will be served is warmed up once
per instance before Triton says it is ready.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from deploytune.contract.outcomes import Cause
from deploytune_trial.failures import crashed
from deploytune_trial.models.interface import ModelInterface, Tensor
from deploytune_trial.serving import Serving

PYTHON_BACKEND = "python"
NATIVE_ONNX_PLATFORM = "onnxruntime_onnx"

_TRITON_TYPES = {
    "bool": "TYPE_BOOL",
    "uint8": "TYPE_UINT8",
    "uint16": "TYPE_UINT16",
    "uint32": "TYPE_UINT32",
    "uint64": "TYPE_UINT64",
    "int8": "TYPE_INT8",
    "int16": "TYPE_INT16",
    "int32": "TYPE_INT32",
    "int64": "TYPE_INT64",
    "float16": "TYPE_FP16",
    "float32": "TYPE_FP32",
    "float64": "TYPE_FP64",
}


@dataclass(frozen=True)
class NativeOnnx:
    """The model file that Triton's own ONNX Runtime backend loads, and its graph level."""

    file: str
    graph_level: int | None


@dataclass(frozen=True)
class ModelEntry:
    """What is said about a model: its interface, how it is served, and to which requests."""

    name: str
    interface: ModelInterface
    serving: Serving
    request_batch: int
    native: NativeOnnx | None = None

    @property
    def served_by(self) -> str:
        """The backend of Triton that runs it."""
        return PYTHON_BACKEND if self.native is None else "onnxruntime"


def build_configuration(entry: ModelEntry) -> str:
    """Return the text of `config.pbtxt`."""
    lines = [
        f"name: {_quoted(entry.name)}",
        *_backend_lines(entry.serving, entry.native),
        f"max_batch_size: {entry.serving.max_batch_size}",
        *(_tensor("input", tensor, entry) for tensor in entry.interface.inputs),
        *(_tensor("output", tensor, entry) for tensor in entry.interface.outputs),
        f"instance_group [ {{ count: {entry.serving.instances} kind: KIND_CPU }} ]",
        *_batching_lines(entry.serving),
        *(_warm_up(entry, batch_size) for batch_size in _warm_up_batches(entry)),
    ]
    return "\n".join(lines) + "\n"


def _backend_lines(serving: Serving, native: NativeOnnx | None) -> list[str]:
    if native is None:
        return [f"backend: {_quoted(PYTHON_BACKEND)}"]
    threads = f'{{ string_value: "{serving.intra_op_threads}" }}'
    lines = [
        f"platform: {_quoted(NATIVE_ONNX_PLATFORM)}",
        f"default_model_filename: {_quoted(native.file)}",
        f'parameters {{ key: "intra_op_thread_count" value: {threads} }}',
    ]
    if native.graph_level is not None:
        lines.append(f"optimization {{ graph {{ level: {native.graph_level} }} }}")
    return lines


def _batching_lines(serving: Serving) -> list[str]:
    if serving.max_batch_size == 0:
        return []
    delay = serving.queue_delay_microseconds
    return [f"dynamic_batching {{ max_queue_delay_microseconds: {delay} }}"]


def _tensor(field: str, tensor: Tensor, entry: ModelEntry) -> str:
    dims, reshape = _served_dims(tensor.shape, entry)
    return (
        f"{field} [ {{ name: {_quoted(tensor.name)} data_type: {_triton_type(tensor)} "
        f"dims: {dims}{reshape} }} ]"
    )


def _served_dims(shape: tuple[int, ...], entry: ModelEntry) -> tuple[str, str]:
    """Return a shape as Triton wants it said, which knows no shape without an axis."""
    if not entry.interface.batched:
        return _dims((entry.request_batch, *shape)), ""
    return (_dims(shape), "") if shape else (_dims((1,)), " reshape: { shape: [ ] }")


def _warm_up_batches(entry: ModelEntry) -> list[int]:
    """Return the batch sizes to warm up; 0 where the batch axis is among the dims."""
    if not entry.interface.batched:
        return [0]
    return sorted({1, entry.request_batch, entry.serving.max_batch_size})


def _warm_up(entry: ModelEntry, batch_size: int) -> str:
    samples = " ".join(
        f"inputs {{ key: {_quoted(tensor.name)} value: {{ data_type: {_triton_type(tensor)} "
        f"dims: {_served_dims(tensor.shape, entry)[0]} {_sample_data(tensor)}: true }} }}"
        for tensor in entry.interface.inputs
    )
    return f'model_warmup [ {{ name: "batch-{batch_size}" batch_size: {batch_size} {samples} }} ]'


def _sample_data(tensor: Tensor) -> str:
    """Floats are random; integers may be indices, and zero is always one that exists."""
    return "random_data" if tensor.dtype.startswith("float") else "zero_data"


def _triton_type(tensor: Tensor) -> str:
    if tensor.dtype not in _TRITON_TYPES:
        raise crashed(Cause.UNSUPPORTED, f"tensor {tensor.name}: Triton has no {tensor.dtype}")
    return _TRITON_TYPES[tensor.dtype]


def _dims(shape: tuple[int, ...]) -> str:
    return f"[ {', '.join(str(size) for size in shape)} ]"


def _quoted(text: str) -> str:
    return json.dumps(text)
