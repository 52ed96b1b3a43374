"""Execution providers of ONNX Runtime: which are asked for, with which options, and what came.

ONNX Runtime takes the CPU without a word where a provider is not built in or its library does not
load, and where no node suits it. Each of these is found here and told for what it is, as is a
device that does not start. Nodes that a provider does not take go to the next one; how many did is
a fact of the build.
"""

from __future__ import annotations

import ctypes
import json
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import onnxruntime

from deploytune.contract.outcomes import Cause, OutcomeKind
from deploytune_trial.build.variants import Variant
from deploytune_trial.error_texts import meaning_of
from deploytune_trial.failures import TrialFailure, first_line, missing_dependency
from deploytune_trial.models.interface import ModelInterface

ENGINES_FOLDER = "engines"
"""Where TensorRT's engines and timings lie beside the model, so that serving builds none again."""

_ORT_NAMES = {
    "CPU": "CPUExecutionProvider",
    "CUDA": "CUDAExecutionProvider",
    "TensorRT": "TensorrtExecutionProvider",
}
_FALLBACKS = {"CPU": ("CPU",), "CUDA": ("CUDA", "CPU"), "TensorRT": ("TensorRT", "CUDA", "CPU")}
_LIBRARIES = {
    "CUDA": "libonnxruntime_providers_cuda.so",
    "TensorRT": "libonnxruntime_providers_tensorrt.so",
}
_PRECISION_FLAGS = {
    "fp16": "trt_fp16_enable",
    "bf16": "trt_bf16_enable",
    "int8-static": "trt_int8_enable",
}
_YES = "True"  # what TensorRT's provider takes; "1" it refuses
_LIBRARY_FAILURE = re.compile(r"\b(?:cuda|cudnn|cublas) failure\b", re.IGNORECASE)
_BYTES_PER_MIB = 2**20

Options = dict[str, str]
Providers = list[list[str | Options]]


def chosen_provider(variant: Variant) -> str:
    """Return the provider that is asked for: by name, or what the pool and the precision suggest.

    Dynamic quantisation has kernels on the CPU alone.
    """
    has_device = variant.accelerators > 0 and variant.precision != "int8-dynamic"
    return str(variant.options.get("executionProvider", "CUDA" if has_device else "CPU"))


def provider_settings(variant: Variant, interface: ModelInterface) -> Providers:
    """Return ONNX Runtime's names of the provider and of those after it, with their options.

    A path is relative to the served model's folder.
    """
    names = _FALLBACKS[chosen_provider(variant)]
    return [[_ORT_NAMES[name], _OPTIONS[name](variant, interface)] for name in names]


def check_built_in(provider: str, available: Sequence[str], version: str) -> None:
    """Refuse a provider that this ONNX Runtime was built without.

    Raises:
        TrialFailure: Misconfigured.
    """
    if _ORT_NAMES[provider] not in available:
        raise missing_dependency(
            f"{_ORT_NAMES[provider]} of ONNX Runtime {version}",
            "install onnxruntime-gpu instead of onnxruntime, or use the trial image for GPUs",
        )


def not_loaded(message: str, reason: str | None) -> TrialFailure:
    """Return the failure of a provider that did not load though there is a device: Misconfigured.

    `message` says what happened, `reason` why the provider's library or the device fails.
    """
    why = reason or "its library loads"
    return TrialFailure(OutcomeKind.MISCONFIGURED, Cause.MISSING_DEPENDENCY, f"{message}: {why}")


def why_device_fails(error: Exception) -> str | None:
    """Return what a library of NVIDIA says of a device that does not start, None of all else.

    Words with a meaning of their own, such as memory that is spent, keep it.
    """
    words = first_line(error)
    return words if _LIBRARY_FAILURE.search(words) and meaning_of(words) is None else None


def why_library_fails(provider: str) -> str | None:
    """Return what the loader says of a provider's library, which ONNX Runtime only logs."""
    folder = Path(onnxruntime.__file__).parent / "capi"
    try:
        # What every provider's library leaves for ONNX Runtime to have loaded.
        ctypes.CDLL(str(folder / "libonnxruntime_providers_shared.so"), ctypes.RTLD_GLOBAL)
        ctypes.CDLL(str(folder / _LIBRARIES[provider]))
    except OSError as error:
        return str(error)
    return None


def check_used(provider: str, nodes: Mapping[str, int]) -> None:
    """Refuse a session in which the provider asked for runs no node at all.

    Raises:
        TrialFailure: Invalid/SilentFallback.
    """
    if nodes.get(_ORT_NAMES[provider], 0) == 0 and sum(nodes.values()) > 0:
        by_name = ", ".join(f"{name} {count}" for name, count in sorted(nodes.items()))
        message = f"executionProvider {provider} runs none of the nodes: {by_name}"
        raise TrialFailure(OutcomeKind.INVALID, Cause.SILENT_FALLBACK, message)


def node_facts(provider: str, nodes: Mapping[str, int]) -> dict[str, str | int | float]:
    """Return which provider was loaded, and the share of nodes of each that may run some."""
    total = sum(nodes.values())
    facts: dict[str, str | int | float] = {"provider": _ORT_NAMES[provider], "nodes": total}
    for name in reversed(_FALLBACKS[provider]):
        share = nodes.get(_ORT_NAMES[name], 0) / total if total else float(name == provider)
        facts[f"nodes{name.capitalize()}Share"] = share
    return facts


def nodes_by_provider(profile: Path) -> Counter[str]:
    """Count the nodes that each provider ran, from ONNX Runtime's profile of one run."""
    events = json.loads(profile.read_text())
    return Counter(
        event["args"]["provider"]
        for event in events
        if event.get("cat") == "Node" and event["args"].get("provider")
    )


def _no_options(_: Variant, __: ModelInterface) -> Options:
    return {}


def _cuda_options(variant: Variant, _: ModelInterface) -> Options:
    return {
        "cudnn_conv_algo_search": variant.text("convolutionSearch").upper(),
        "use_tf32": "1" if variant.text("tensorFloat32") == "Allowed" else "0",
    }


def _tensorrt_options(variant: Variant, interface: ModelInterface) -> Options:
    options = {
        "trt_engine_cache_enable": _YES,
        "trt_engine_cache_path": ENGINES_FOLDER,
        "trt_timing_cache_enable": _YES,
        "trt_timing_cache_path": ENGINES_FOLDER,
    }
    if interface.batched:  # profiles are of open axes, and the workload closes all others
        for place, batch in zip(("min", "opt", "max"), variant.batches, strict=True):
            options[f"trt_profile_{place}_shapes"] = _shapes(interface, batch)
    if variant.precision in _PRECISION_FLAGS:
        options[_PRECISION_FLAGS[variant.precision]] = _YES
    if "engineOptimizationLevel" in variant.options:
        options["trt_builder_optimization_level"] = variant.text("engineOptimizationLevel")
    if "engineWorkspaceMib" in variant.options:
        workspace = int(variant.options["engineWorkspaceMib"]) * _BYTES_PER_MIB
        options["trt_max_workspace_size"] = str(workspace)
    return options


def _shapes(interface: ModelInterface, batch: int) -> str:
    return ",".join(
        f"{tensor.name}:{'x'.join(map(str, (batch, *tensor.shape)))}" for tensor in interface.inputs
    )


_OPTIONS: Mapping[str, Callable[[Variant, ModelInterface], Options]] = {
    "CPU": _no_options,
    "CUDA": _cuda_options,
    "TensorRT": _tensorrt_options,
}
