"""The named classes of landscapes, each a recipe.

Ranges are drawn from for every landscape: shares of the space that crash and that are feasible.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from deploytune.bench.search.landscapes.failures import FailureShape
from deploytune.bench.search.landscapes.spaces import (
    deployment_space,
    numbers_alone,
    twelve_choices,
)
from deploytune.search.space import Space

Range = tuple[float, float]


@dataclass(frozen=True)
class LandscapeClass:
    """How the landscapes of a class are drawn.

    `noise` is the relative deviation of a measured latency. `towards_limit` pulls latencies towards
    their limit: at 0.3, one that misses it by a factor of two misses it by 23 %. `cost_spread` is
    the factor between cheap and expensive trials. `deceptive`: the best family is feasible in
    fewer of its configurations than the others are. `rough` is the part of latency and quality
    that nothing explains.
    """

    name: str
    summary: str
    failures: FailureShape = FailureShape.MIXED
    space: Callable[[Random], Space] = deployment_space
    crashing: Range = (0.25, 0.45)
    feasible: Range = (0.15, 0.35)
    noise: float = 0.03
    towards_limit: float = 1.0
    cost_spread: float = 8.0
    deceptive: bool = False
    rough: float = 0.0


_CLASSES = (
    LandscapeClass("values", "failures on single values", FailureShape.VALUES),
    LandscapeClass("pairs", "failures on pairs of values", FailureShape.PAIRS),
    LandscapeClass("triples", "failures on triples of values", FailureShape.TRIPLES),
    LandscapeClass("thresholds", "failures beyond a number's threshold", FailureShape.THRESHOLDS),
    LandscapeClass(
        "unstructured",
        "failures, and part of every metric, on nothing visible",
        FailureShape.UNSTRUCTURED,
        rough=0.35,
    ),
    LandscapeClass(
        "deceptive", "cheap families easy, the best one hard", FailureShape.PAIRS, deceptive=True
    ),
    LandscapeClass("easy", "60 % feasible", crashing=(0.1, 0.2), feasible=(0.6, 0.6)),
    LandscapeClass("scarce", "2 % feasible", crashing=(0.4, 0.6), feasible=(0.02, 0.02)),
    LandscapeClass("twelve", "twelve categorical parameters", space=twelve_choices),
    LandscapeClass("numeric", "numbers alone, with crash zones", FailureShape.ZONES, numbers_alone),
    LandscapeClass("costs", "costs that differ by 100x, failures by kind", cost_spread=100.0),
    LandscapeClass(
        "noisy", "many configurations at the limit, 10 % noise", noise=0.1, towards_limit=0.3
    ),
    LandscapeClass("nothing", "nothing feasible", feasible=(0.0, 0.0)),
)

LANDSCAPE_CLASSES = {one.name: one for one in _CLASSES}
"""Every class by name."""
