"""Which backend of Triton runs an artefact: one of its own where it has that, else the Python one.

A native backend spares the copy into a Python process and runs without its interpreter's lock, so
it is taken whenever it can be told the same as the builder's proof was; where it cannot, the reason
is noted. Pure: what the server has is an argument. Those of ONNX Runtime and TensorRT were run,
compiled from Triton's sources of 24.10; that of PyTorch was read in its documentation.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Any

from deploytune.contract.outcomes import Cause, OutcomeKind
from deploytune_trial.build.artefacts import HOST_CODE, OUTPUT_SHAPES, Artefact
from deploytune_trial.failures import TrialFailure
from deploytune_trial.models.interface import ModelInterface
from deploytune_trial.serving import Serving

ONNX_FILE = "model.onnx"
PLAN_FILE = "model.plan"
TORCH_PACKAGE = "model.pt2"
TORCH_SCRIPT = "model.pt"

_CPU_PROVIDER = "CPUExecutionProvider"
_TENSORRT_PROVIDER = "TensorrtExecutionProvider"
_CUDA_PROVIDER = "CUDAExecutionProvider"
_CONVOLUTION_SEARCH = "cudnn_conv_algo_search"
_CONVOLUTION_SEARCHES = {"EXHAUSTIVE": "0", "HEURISTIC": "1", "DEFAULT": "2"}
_GRAPH_LEVELS = {"Disabled": 2, "Basic": -1, "Extended": 1, "All": None}
_PRECISION_MODES = {"trt_fp16_enable": "FP16", "trt_int8_enable": "INT8"}
_RENAMED_OPTIONS = {"trt_max_workspace_size": "max_workspace_size_bytes"}
_KNOWN_OPTIONS = frozenset(
    {
        "trt_auxiliary_streams",
        "trt_build_heuristics_enable",
        "trt_builder_optimization_level",
        "trt_context_memory_sharing_enable",
        "trt_cuda_graph_enable",
        "trt_engine_cache_enable",
        "trt_engine_cache_prefix",
        "trt_force_sequential_engine_build",
        "trt_force_timing_cache",
        "trt_layer_norm_fp32_fallback",
        "trt_max_partition_iterations",
        "trt_min_subgraph_size",
        "trt_profile_max_shapes",
        "trt_profile_min_shapes",
        "trt_profile_opt_shapes",
        "trt_sparsity_enable",
        "trt_tactic_sources",
        "trt_timing_cache_enable",
    }
)
_PATH_OPTIONS = ("trt_engine_cache_path", "trt_timing_cache_path")
_ALLOW_HOST_CODE = ("--backend-config=tensorrt,version-compatible=true",)
_OPEN = -1
_WIRE_NAME = re.compile(r".+__\d+")


@dataclass(frozen=True)
class Accelerator:
    """What ONNX Runtime in Triton runs nodes with, and how."""

    name: str
    parameters: Mapping[str, str]


@dataclass(frozen=True)
class NativeBackend:
    """One of Triton's own backends, the file that it loads, and what it is told.

    `outputs` are shapes that it wants said exactly so, first axis included, -1 for an open one;
    `arguments` are those that the server needs for it.
    """

    name: str
    platform: str
    file: str
    on_gpu: bool
    parameters: Mapping[str, str] = field(default_factory=dict)
    graph_level: int | None = None
    accelerators: tuple[Accelerator, ...] = ()
    outputs: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    cuda_graphs: bool = False
    arguments: tuple[str, ...] = ()


class _UnfitError(Exception):
    """The artefact cannot be served by Triton's own backend as it was proved; says why."""


@dataclass(frozen=True)
class Choice:
    """The backend that was chosen; None is the Python backend, taken for the reason `why`."""

    native: NativeBackend | None
    why: str = ""


def choose_backend(
    artefact: Artefact, serving: Serving, model: str, installed: Collection[str]
) -> Choice:
    """Return what runs an artefact in a Triton that has these backends.

    Raises:
        TrialFailure: Misconfigured, nothing that this Triton has can run it.
    """
    name = artefact.backend
    try:
        _need_backend(name, installed)
        return Choice(_NATIVE[name](artefact, serving, model))
    except _UnfitError as reason:
        if name == "tensorrt":
            raise TrialFailure(
                OutcomeKind.MISCONFIGURED,
                Cause.MISSING_DEPENDENCY,
                f"an engine needs Triton's tensorrt backend: {reason}",
            ) from None
        return Choice(None, str(reason))


def runs_on_gpu(artefact: Artefact) -> bool:
    """Tell whether an artefact was built to run on a GPU."""
    if artefact.backend == "tensorrt":
        return True
    providers = _providers(artefact)
    if providers:
        return providers[0][0] != _CPU_PROVIDER
    return bool(artefact.settings.get("device", "cpu") != "cpu")


def _onnx(artefact: Artefact, serving: Serving, model: str) -> NativeBackend:
    _need(artefact, ONNX_FILE)
    level = artefact.settings.get("graph_optimization", "All")
    if level not in _GRAPH_LEVELS:
        raise _UnfitError(f"it knows no graph optimisation {level}")
    asked = takewhile(lambda provider: provider[0] != _CPU_PROVIDER, _providers(artefact))
    providers = dict(asked)  # the CPU comes last by itself
    # It has no switch for that; beside a GPU the CPU's threads hardly matter, and one has no pool.
    if not (providers or serving.allow_spinning or serving.intra_op_threads == 1):
        raise _UnfitError("its threads spin while they wait, which is dear on few CPUs")
    return NativeBackend(
        name="onnxruntime",
        platform="onnxruntime_onnx",
        file=ONNX_FILE,
        on_gpu=bool(providers),
        parameters={
            "intra_op_thread_count": str(serving.intra_op_threads),
            **_convolution_search(providers.get(_CUDA_PROVIDER, {})),
        },
        graph_level=_GRAPH_LEVELS[level],
        accelerators=tuple(_accelerator(*provider, model) for provider in providers.items()),
        outputs=_declared_outputs(artefact),
    )


def _declared_outputs(artefact: Artefact) -> dict[str, tuple[int, ...]]:
    """Return the outputs as the file has them, which it is compared with axis by axis."""
    shapes = {name: tuple(shape) for name, shape in artefact.settings[OUTPUT_SHAPES].items()}
    for name, shape in shapes.items():
        if not shape:
            raise _UnfitError(f"it takes output {name!r} for a number: its file gives no axes")
        if artefact.interface.batched and shape[0] != _OPEN:
            raise _UnfitError(f"it wants the first axis of output {name!r} open, got {shape[0]}")
    return shapes


def _tensorrt(artefact: Artefact, serving: Serving, _: str) -> NativeBackend:
    _need(artefact, PLAN_FILE)
    return NativeBackend(
        name="tensorrt",
        platform="tensorrt_plan",
        file=PLAN_FILE,
        on_gpu=True,
        cuda_graphs=serving.cuda_graphs,
        arguments=_ALLOW_HOST_CODE if artefact.settings[HOST_CODE] else (),
    )


def _torch(artefact: Artefact, _: Serving, __: str) -> NativeBackend:
    if TORCH_PACKAGE in artefact.files:
        platform, file = "torch_aoti", TORCH_PACKAGE
    else:
        _need(artefact, TORCH_SCRIPT)
        platform, file = "pytorch_libtorch", TORCH_SCRIPT
    precision = artefact.settings.get("precision", "fp32")
    if file == TORCH_PACKAGE and precision != "fp32":
        raise _UnfitError(f"it gives a package of {precision} its inputs as they come, in float32")
    if not _has_wire_names(artefact.interface):
        raise _UnfitError("it wants inputs and outputs to be called NAME__0, NAME__1 and so on")
    return NativeBackend(name="pytorch", platform=platform, file=file, on_gpu=runs_on_gpu(artefact))


def _need_backend(name: str, installed: Collection[str]) -> None:
    if name not in installed:
        raise _UnfitError(f"this Triton has no {name} backend")


def _need(artefact: Artefact, file: str) -> None:
    if file not in artefact.files:
        held = ", ".join(sorted(artefact.files)) or "nothing"
        raise _UnfitError(f"it loads {file}, the artefact holds {held}")


def _has_wire_names(interface: ModelInterface) -> bool:
    tensors = (*interface.inputs, *interface.outputs)
    return all(_WIRE_NAME.fullmatch(tensor.name) for tensor in tensors)


def _providers(artefact: Artefact) -> list[tuple[str, Mapping[str, str]]]:
    """Return the providers with their options, which may be left out."""
    listed: Sequence[Any] = artefact.settings.get("providers", [])
    return [(one, {}) if isinstance(one, str) else (one[0], one[1]) for one in listed]


def _accelerator(provider: str, options: Mapping[str, str], model: str) -> Accelerator:
    if provider == _CUDA_PROVIDER:
        told = {name: value for name, value in options.items() if name != _CONVOLUTION_SEARCH}
        return Accelerator("cuda", told)
    if provider == _TENSORRT_PROVIDER:
        return Accelerator("tensorrt", _tensorrt_parameters(options, model))
    raise _UnfitError(f"it knows no provider {provider}")


def _convolution_search(options: Mapping[str, str]) -> dict[str, str]:
    """Return the model's parameter for it, which overrules the accelerator's, given or not."""
    if _CONVOLUTION_SEARCH not in options:
        return {}
    return {_CONVOLUTION_SEARCH: _CONVOLUTION_SEARCHES[options[_CONVOLUTION_SEARCH]]}


def _tensorrt_parameters(options: Mapping[str, str], model: str) -> dict[str, str]:
    """Return ONNX Runtime's options for TensorRT under the names that Triton has for them.

    Paths are relative to the model's folder; Triton's are to the folder it is started in, which is
    the repository.
    """
    told: dict[str, str] = {}
    for name, value in options.items():
        if name in _PRECISION_MODES:
            if value == "True":
                told["precision_mode"] = _PRECISION_MODES[name]
        elif name in _PATH_OPTIONS:
            told[name] = f"{model}/1/{value}"
        elif name in _RENAMED_OPTIONS:
            told[_RENAMED_OPTIONS[name]] = value
        elif name in _KNOWN_OPTIONS:
            told[name] = value
        else:
            raise _UnfitError(f"it knows no option {name}")
    return told


_NATIVE = {"onnxruntime": _onnx, "tensorrt": _tensorrt, "pytorch": _torch}
