"""What is asked of TensorRT's builder, decided before TensorRT is imported.

Since TensorRT 11 a network is strongly typed: its types are those of the graph, which is converted
before. TensorRT 10 can do the same, and does here unless the typing is Weak; then the graph stays
in float32 and builder flags let TensorRT choose smaller types. Quantised precisions carry their
ranges in the graph (Q/DQ) either way.
"""

from __future__ import annotations

from dataclasses import dataclass

from deploytune.contract.outcomes import Cause
from deploytune_trial.build.variants import Variant
from deploytune_trial.failures import crashed
from deploytune_trial.models.interface import ModelInterface

FIRST_STRONG_ONLY = 11
"""The major version of TensorRT since which networks are always strongly typed."""

_BYTES_PER_MIB = 2**20
_PRECISION_FLAGS = {"fp16": "FP16", "bf16": "BF16", "fp8": "FP8", "int8-static": "INT8"}
_QUANTISED = frozenset({"fp8", "int8-static"})
_VERSION_COMPATIBLE = "VERSION_COMPATIBLE"
_HARDWARE_LEVELS = {"ComputeCapability": "SAME_COMPUTE_CAPABILITY", "Ampere": "AMPERE_PLUS"}

Shape = tuple[int, ...]


@dataclass(frozen=True)
class InputRange:
    """The shapes of one input that an engine takes: smallest, the one it is fastest at, largest."""

    name: str
    smallest: Shape
    fastest: Shape
    largest: Shape


@dataclass(frozen=True)
class EnginePlan:
    """Everything that is asked of the builder, in TensorRT's own names.

    `graph_precision` is what the graph is converted to first. A limit or level that is None stays
    TensorRT's own.
    """

    graph_precision: str
    strongly_typed: bool
    flags_set: tuple[str, ...]
    flags_cleared: tuple[str, ...]
    inputs: tuple[InputRange, ...]
    workspace_bytes: int | None = None
    optimization_level: int | None = None
    hardware_level: str | None = None

    @property
    def carries_host_code(self) -> bool:
        """Whether the engine brings the runtime of its version, which is code for the host."""
        return _VERSION_COMPATIBLE in self.flags_set


def plan_engine(variant: Variant, interface: ModelInterface, tensorrt_version: str) -> EnginePlan:
    """Return what to ask of the TensorRT of that version.

    Raises:
        TrialFailure: Crashed/Unsupported, this TensorRT knows no weakly typed networks.
    """
    weak = variant.text("engineTyping") == "Weak"
    if weak and major_of(tensorrt_version) >= FIRST_STRONG_ONLY:
        message = f"engineTyping Weak: TensorRT {tensorrt_version} types networks strongly, always"
        raise crashed(Cause.UNSUPPORTED, message)
    in_graph = not weak or variant.precision in _QUANTISED
    level = variant.options.get("engineOptimizationLevel")
    workspace = variant.options.get("engineWorkspaceMib")
    return EnginePlan(
        graph_precision=variant.precision if in_graph else "fp32",
        strongly_typed=not weak,
        flags_set=_flags_set(variant, weak=weak),
        flags_cleared=() if variant.text("tensorFloat32") == "Allowed" else ("TF32",),
        inputs=input_ranges(variant, interface),
        workspace_bytes=None if workspace is None else int(workspace) * _BYTES_PER_MIB,
        optimization_level=None if level is None else int(level),
        hardware_level=_HARDWARE_LEVELS.get(variant.text("engineCompatibility")),
    )


def input_ranges(variant: Variant, interface: ModelInterface) -> tuple[InputRange, ...]:
    """Return the shapes of every input over the batches that are served."""
    return tuple(
        InputRange(tensor.name, *((batch, *tensor.shape) for batch in variant.batches))
        for tensor in interface.inputs
    )


def major_of(version: str) -> int:
    """Return the major version."""
    return int(version.partition(".")[0])


def _flags_set(variant: Variant, *, weak: bool) -> tuple[str, ...]:
    flags = []
    if weak and variant.precision in _PRECISION_FLAGS:
        flags.append(_PRECISION_FLAGS[variant.precision])
    if variant.text("engineCompatibility") == "Version":
        flags.append(_VERSION_COMPATIBLE)
    return tuple(flags)
