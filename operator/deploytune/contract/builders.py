"""What each builder of the stock trial takes, and what it refuses before any time is spent.

Declared once, as data. A trial holds its parameters against it; the operator makes exclusions of
it, so that the search never wastes a trial on what is refused. What only the machine can tell,
such as an operator without a kernel, stands nowhere here: it stays a trial.

Two rules come of it. A combination is refused when a builder cannot honour it. And a parameter
that would have no effect is refused like an unknown one: a space keeps it inactive with `when`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from deploytune.contract.models import Scalar
from deploytune.contract.parameters import TRIAL_PARAMETERS
from deploytune.contract.workload import MODEL_PARAMETER, ModelSource

BACKEND_PARAMETER = "backend"
STATIC_INT8 = "int8-static"
CALIBRATED = (STATIC_INT8, "fp8")
"""Precisions whose ranges are found by running calibration data."""

Parameters = Mapping[str, Scalar]
Condition = Mapping[str, tuple[str, ...]]
"""Values by parameter: it holds while each parameter has one of its values."""

_ALWAYS: Condition = MappingProxyType({})


@dataclass(frozen=True)
class Builder:
    """One backend: whether it takes Python functions or ONNX files, and which parameters.

    `parameters` says of each parameter under which condition it has an effect, `values` which of a
    parameter's values the backend knows where that is not all, `refuses` what does not go
    together, and `needs_device` what runs on an accelerator alone. `serving` are the parameters of
    the serve stage that only backends with it honour.
    """

    backend: str
    takes_python: bool
    parameters: Mapping[str, Condition]
    values: Condition = field(default_factory=dict)
    refuses: tuple[Condition, ...] = ()
    serving: tuple[str, ...] = ()
    needs_device: tuple[Condition, ...] = ()


_CALIBRATION: Condition = {"precision": CALIBRATED}
_STATIC: Condition = {"precision": (STATIC_INT8,)}
_ON_CUDA: Condition = {"executionProvider": ("CUDA",)}
_ON_TENSORRT: Condition = {"executionProvider": ("TensorRT",)}

BUILDERS: Mapping[str, Builder] = MappingProxyType(
    {
        builder.backend: builder
        for builder in (
            Builder(
                "onnxruntime",
                takes_python=False,
                parameters={
                    "precision": _ALWAYS,
                    "calibrationMethod": _STATIC,
                    "calibrationSamples": _STATIC,
                    "quantizationGranularity": {"precision": ("int8-dynamic", STATIC_INT8)},
                    "graphOptimization": _ALWAYS,
                    "executionProvider": _ALWAYS,
                    "convolutionSearch": _ON_CUDA,
                    "tensorFloat32": _ON_CUDA,
                    "engineOptimizationLevel": _ON_TENSORRT,
                    "engineWorkspaceMib": _ON_TENSORRT,
                },
                values={"precision": ("fp32", "fp16", "bf16", "int8-dynamic", STATIC_INT8)},
                # Its dynamic quantisation makes operators that only its CPU kernels know.
                refuses=(
                    {"executionProvider": ("CUDA", "TensorRT"), "precision": ("int8-dynamic",)},
                ),
                needs_device=({"executionProvider": ("CUDA", "TensorRT")},),
            ),
            Builder(
                "pytorch",
                takes_python=True,
                parameters={"precision": _ALWAYS, "compile": _ALWAYS},
                values={"precision": ("fp32", "fp16", "bf16", "int8-dynamic")},
            ),
            Builder(
                "tensorrt",
                takes_python=False,
                parameters={
                    "precision": _ALWAYS,
                    "calibrationMethod": _STATIC,
                    "calibrationSamples": _CALIBRATION,
                    "quantizationGranularity": _STATIC,
                    "tensorFloat32": _ALWAYS,
                    "engineOptimizationLevel": _ALWAYS,
                    "engineWorkspaceMib": _ALWAYS,
                    "engineTyping": _ALWAYS,
                    "engineCompatibility": _ALWAYS,
                },
                values={"precision": ("fp32", "fp16", "bf16", "fp8", STATIC_INT8)},
                serving=("cudaGraphs",),
                needs_device=(_ALWAYS,),
            ),
        )
    }
)
"""Every builder, by its backend; the first that takes a model is the one it gets by default."""


@dataclass(frozen=True)
class Refusal:
    """A combination that a builder refuses, in words about one of its parameters."""

    parameter: str
    rule: str
    values: Condition

    def holds(self, parameters: Parameters, source: ModelSource) -> bool:
        """Tell whether the combination is part of these parameters."""
        return all(
            value_of(name, parameters, source) in values for name, values in self.values.items()
        )


def backend_of(parameters: Parameters, source: ModelSource) -> str:
    """Return the backend: the one asked for, or what a model of that kind gets."""
    return str(parameters.get(BACKEND_PARAMETER, backends_for(source)[0]))


def backends_for(source: ModelSource) -> tuple[str, ...]:
    """Return the backends that take a model of that kind."""
    return tuple(
        builder.backend for builder in BUILDERS.values() if builder.takes_python == source.is_python
    )


def value_of(name: str, parameters: Parameters, source: ModelSource) -> Scalar | None:
    """Return the value of a parameter, what an absent one means included."""
    if name == BACKEND_PARAMETER:
        return backend_of(parameters, source)
    return parameters.get(name, TRIAL_PARAMETERS[name].default)


def refusals(source: ModelSource) -> Iterator[Refusal]:
    """Yield every combination that is refused for a model."""
    fitting = backends_for(source)
    others = tuple(backend for backend in BUILDERS if backend not in fitting)
    rule = f"must be {' or '.join(fitting)} for model {source.name!r}"
    yield Refusal(BACKEND_PARAMETER, rule, {BACKEND_PARAMETER: others})
    for backend in fitting:
        builder = BUILDERS[backend]
        for name, known in builder.values.items():
            unknown = tuple(value for value in TRIAL_PARAMETERS[name].values if value not in known)
            yield _refusal(backend, {name: unknown})
        for combination in builder.refuses:
            yield _refusal(backend, combination)


def device_needs(source: ModelSource) -> Iterator[Condition]:
    """Yield every combination that runs on an accelerator alone, for a model."""
    for backend in backends_for(source):
        for combination in BUILDERS[backend].needs_device:
            yield {BACKEND_PARAMETER: (backend,), **combination}


def why_without_effect(name: str, parameters: Parameters, source: ModelSource) -> str | None:
    """Return under what alone a parameter has an effect, or None if it has one."""
    owners, backend = backends_with(name), backend_of(parameters, source)
    if not owners:
        return None
    if backend not in owners:
        return f"has an effect with backend {' or '.join(owners)} only, not {backend}"
    condition = BUILDERS[backend].parameters.get(name, _ALWAYS)
    for other, values in condition.items():
        value = value_of(other, parameters, source)
        if value not in values:
            shown = "" if value is None else f", not {value}"
            return f"has an effect with {other} {' or '.join(values)} only{shown}"
    return None


def related_to(name: str) -> set[str]:
    """Return the parameters on which it depends whether one has an effect."""
    conditions = [builder.parameters.get(name, _ALWAYS) for builder in BUILDERS.values()]
    return {MODEL_PARAMETER, BACKEND_PARAMETER, *(other for one in conditions for other in one)}


def backends_with(name: str) -> tuple[str, ...]:
    """Return the backends that alone honour a parameter, none where all do."""
    return tuple(
        backend
        for backend, builder in BUILDERS.items()
        if name in builder.parameters or name in builder.serving
    )


def _refusal(backend: str, combination: Condition) -> Refusal:
    *others, name = combination
    met = [
        f"backend {backend}",
        *(f"{other} {' or '.join(combination[other])}" for other in others),
    ]
    rule = f"must not be {' or '.join(combination[name])} with {' and '.join(met)}"
    return Refusal(name, rule, {BACKEND_PARAMETER: (backend,), **combination})
