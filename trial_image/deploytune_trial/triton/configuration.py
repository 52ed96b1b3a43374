"""A model's `config.pbtxt`.

Left out on purpose: `preferred_batch_size`, which only helps engines built for certain sizes, and
the response cache, which would measure itself. Shapes are warmed up once per instance before
Triton says it is ready; those requests are among Triton's own counts.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from deploytune.contract.outcomes import Cause
from deploytune_trial.failures import crashed
from deploytune_trial.models.interface import ModelInterface, Tensor
from deploytune_trial.serving import Serving, WarmUpShapes
from deploytune_trial.triton.native import Accelerator, NativeBackend

PYTHON_BACKEND = "python"

MOST_SHAPES = 64
"""Shapes of which all are warmed up or recorded; of more, half are the smallest, half spread."""

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
class ModelEntry:
    """What is said about a model: its interface, how it is served, and to which requests.

    Without a `native` backend the Python backend runs it; `on_gpu` is whether it uses a GPU.
    """

    name: str
    interface: ModelInterface
    serving: Serving
    request_batch: int
    native: NativeBackend | None = None
    on_gpu: bool = False

    @property
    def served_by(self) -> str:
        """The backend of Triton that runs it."""
        return PYTHON_BACKEND if self.native is None else self.native.name

    def instances_on(self, devices: int) -> int:
        """Return how many instances Triton runs where it sees so many devices.

        Their group names no GPU, so as many are on each.
        """
        return self.serving.instances * (max(1, devices) if self.on_gpu else 1)


def build_configuration(entry: ModelEntry) -> str:
    """Return the text of `config.pbtxt`."""
    kind = "KIND_GPU" if entry.on_gpu else "KIND_CPU"
    lines = [
        f"name: {_quoted(entry.name)}",
        *_backend_lines(entry),
        f"max_batch_size: {entry.serving.max_batch_size}",
        *(_input(tensor, entry) for tensor in entry.interface.inputs),
        *(_output(tensor, entry) for tensor in entry.interface.outputs),
        f"instance_group [ {{ count: {entry.serving.instances} kind: {kind} }} ]",
        *_batching_lines(entry.serving),
        *(_warm_up(entry, batch_size) for batch_size in warm_up_batches(entry)),
    ]
    return "\n".join(lines) + "\n"


def warm_up_batches(entry: ModelEntry) -> list[int]:
    """Return the batch sizes to warm up; one where the batch axis is among the dims."""
    serving = entry.serving
    if serving.warm_up_shapes is WarmUpShapes.NONE:
        return []
    if not entry.interface.batched:
        return [1]  # at 0, as max_batch_size is, Triton skips the sample
    few = {1, entry.request_batch, serving.max_batch_size}
    if serving.warm_up_shapes is WarmUpShapes.FEW:
        return sorted(few)
    return sorted(few.union(formed_batches(entry)))


def formed_batches(entry: ModelEntry) -> list[int]:
    """Return the sizes of the batches that Triton forms of requests; of very many, some."""
    whole = range(entry.request_batch, entry.serving.max_batch_size + 1, entry.request_batch)
    if len(whole) <= MOST_SHAPES:
        return list(whole)
    half = MOST_SHAPES // 2  # the small ones are those of a light load
    step = -(-len(whole[half:]) // half)
    return sorted({*whole[:half], *whole[half::step], whole[-1]})


def _backend_lines(entry: ModelEntry) -> list[str]:
    native = entry.native
    if native is None:
        return [f"backend: {_quoted(PYTHON_BACKEND)}"]
    return [
        f"backend: {_quoted(native.name)}",
        f"platform: {_quoted(native.platform)}",
        f"default_model_filename: {_quoted(native.file)}",
        *_parameters(native.parameters),
        *_optimisation_lines(native, entry),
    ]


def _parameters(parameters: Mapping[str, str]) -> list[str]:
    return [
        f"parameters {{ key: {_quoted(name)} value: {{ string_value: {_quoted(value)} }} }}"
        for name, value in parameters.items()
    ]


def _optimisation_lines(native: NativeBackend, entry: ModelEntry) -> list[str]:
    parts = []
    if native.graph_level is not None:
        parts.append(f"graph {{ level: {native.graph_level} }}")
    if native.cuda_graphs:
        parts.append(f"cuda {{ graphs: true{_graph_specs(entry)} }}")
    if native.accelerators:
        chosen = ", ".join(_accelerator(one) for one in native.accelerators)
        parts.append(f"execution_accelerators {{ gpu_execution_accelerator [ {chosen} ] }}")
    return [f"optimization {{ {' '.join(parts)} }}"] if parts else []


def _graph_specs(entry: ModelEntry) -> str:
    """Return the batches to record: any other runs without a graph, and Triton says nothing."""
    if not entry.interface.batched:  # its one shape is Triton's own default
        return ""
    specs = ", ".join(f"{{ batch_size: {batch} }}" for batch in formed_batches(entry))
    return f" graph_spec [ {specs} ]"


def _accelerator(accelerator: Accelerator) -> str:
    options = " ".join(
        f"parameters {{ key: {_quoted(name)} value: {_quoted(value)} }}"
        for name, value in accelerator.parameters.items()
    )
    return f"{{ {f'name: {_quoted(accelerator.name)} {options}'.rstrip()} }}"


def _batching_lines(serving: Serving) -> list[str]:
    if serving.max_batch_size == 0:
        return []
    delay = f"max_queue_delay_microseconds: {serving.queue_delay_microseconds}"
    return [f"dynamic_batching {{ {delay}{_queue_policy(serving)} }}"]


def _queue_policy(serving: Serving) -> str:
    """Return what becomes of requests that wait too long or find the queue full: a rejection."""
    rules = []
    if serving.queue_timeout_microseconds:
        rules.append(f"default_timeout_microseconds: {serving.queue_timeout_microseconds}")
    if serving.max_queue_size:
        rules.append(f"max_queue_size: {serving.max_queue_size}")
    if not rules:
        return ""
    return f" default_queue_policy {{ timeout_action: REJECT {' '.join(rules)} }}"


def _input(tensor: Tensor, entry: ModelEntry) -> str:
    return f"input [ {{ {_tensor(tensor, _whole(tensor, entry), entry)} }} ]"


def _output(tensor: Tensor, entry: ModelEntry) -> str:
    exact = {} if entry.native is None else entry.native.outputs
    whole = exact.get(tensor.name) or _whole(tensor, entry)
    return f"output [ {{ {_tensor(tensor, whole, entry)} }} ]"


def _whole(tensor: Tensor, entry: ModelEntry) -> tuple[int, ...]:
    """Return a shape with its first axis, of a request."""
    return (entry.request_batch if tensor.batch_first else -1, *tensor.shape)


def _tensor(tensor: Tensor, whole: tuple[int, ...], entry: ModelEntry) -> str:
    is_only_batch = entry.interface.batched and len(whole) == 1
    return (
        f"name: {_quoted(tensor.name)} data_type: {_triton_type(tensor)} "
        f"dims: {_dims(whole, entry)}{' reshape: { shape: [ ] }' if is_only_batch else ''}"
    )


def _warm_up(entry: ModelEntry, batch_size: int) -> str:
    samples = " ".join(
        f"inputs {{ key: {_quoted(tensor.name)} value: {{ data_type: {_triton_type(tensor)} "
        f"dims: {_dims(_whole(tensor, entry), entry)} {_sample_data(tensor)}: true }} }}"
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


def _dims(whole: tuple[int, ...], entry: ModelEntry) -> str:
    """Return a shape as Triton wants it said: without the batch it forms, and with an axis."""
    shape = whole[1:] or (1,) if entry.interface.batched else whole
    return f"[ {', '.join(str(size) for size in shape)} ]"


def _quoted(text: str) -> str:
    return json.dumps(text)
