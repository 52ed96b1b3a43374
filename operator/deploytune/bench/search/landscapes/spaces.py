"""The spaces of landscapes: hierarchical, twelve choices, or numbers alone."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random

from deploytune.contract.models import Scalar
from deploytune.search.parameters import Parameter, ParameterType, Scale
from deploytune.search.space import Space

FAMILY = "family"
_SMALLEST, _LARGEST = 4, 6  # families
_When = Mapping[str, tuple[Scalar, ...]]


def families(count: int) -> tuple[str, ...]:
    """Return the names of that many families."""
    return tuple(f"family-{letter}" for letter in "abcdefgh"[:count])


def deployment_space(rng: Random) -> Space:
    """Return family, backend, precision, and what is active under them."""
    return Space(
        (
            _choice(FAMILY, *families(rng.randint(_SMALLEST, _LARGEST))),
            _choice("backend", "pytorch", "onnxruntime", "tensorrt"),
            _choice("precision", "fp32", "fp16", "int8"),
            _choice("calibration", "MinMax", "Entropy", when={"precision": ("int8",)}),
            _choice("compile_mode", "eager", "default", "autotune", when={"backend": ("pytorch",)}),
            _choice("graph_level", "basic", "extended", "all", when={"backend": ("onnxruntime",)}),
            _choice("builder_level", 1, 3, 5, when={"backend": ("tensorrt",)}),
            _integer("threads", 1, 8, when={"backend": ("pytorch", "onnxruntime")}),
            _integer("batch", 1, 64, scale=Scale.LOG),
            _integer("instances", 1, 4),
            _float("delay_us", 50, 5000, scale=Scale.LOG),
        )
    )


def twelve_choices(rng: Random) -> Space:
    """Return twelve categorical parameters of two to four values, the first of them the family."""
    others = (
        _choice(f"choice-{place}", *(f"v{value}" for value in range(rng.randint(2, 4))))
        for place in range(1, 12)
    )
    return Space((_choice(FAMILY, *families(rng.randint(_SMALLEST, _LARGEST))), *others))


def numbers_alone(_rng: Random) -> Space:
    """Return six numbers, two of them whole."""
    return Space(
        (
            _float("fraction", 0.0, 1.0),
            _float("delay_us", 50, 5000, scale=Scale.LOG),
            _float("memory_share", 0.1, 0.9),
            _float("ratio", -2.0, 2.0),
            _integer("batch", 1, 64, scale=Scale.LOG),
            _integer("threads", 1, 16),
        )
    )


def _choice(name: str, *values: Scalar, when: _When | None = None) -> Parameter:
    return Parameter(name, ParameterType.CATEGORICAL, values=values, when=when or {})


def _integer(
    name: str, low: int, high: int, *, scale: Scale = Scale.LINEAR, when: _When | None = None
) -> Parameter:
    return Parameter(
        name, ParameterType.INTEGER, minimum=low, maximum=high, scale=scale, when=when or {}
    )


def _float(name: str, low: float, high: float, *, scale: Scale = Scale.LINEAR) -> Parameter:
    return Parameter(name, ParameterType.FLOAT, minimum=low, maximum=high, scale=scale)
