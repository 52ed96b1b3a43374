"""Without limits yet: how a configuration of a landscape runs, as a point of its surfaces.

Effects are of logarithms. The deviations below make the families differ by a factor of 2 to 4 in
latency, backends and precisions by 1.5 to 2, and pairs of values by about 1.3: the order in which
such things differ in practice.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from random import Random

from deploytune.bench.search.landscapes.classes import LandscapeClass
from deploytune.bench.search.landscapes.spaces import FAMILY
from deploytune.bench.search.landscapes.surfaces import (
    Curve,
    Level,
    Point,
    Roughness,
    Surface,
    Term,
    random_bumps,
    random_terms,
)
from deploytune.search.space import Space

_LATENCY_MS, _MEMORY_MIB, _THROUGHPUT, _SECONDS = 12.0, 900.0, 400.0, 90.0
_LATENCY_OF_SIZE, _MEMORY_OF_SIZE, _QUALITY_OF_SIZE = 0.5, 0.4, 0.8
_SINGLE, _PAIR = 0.3, 0.3
_MANY, _FEW = 5, 2  # pairs of parameters with effects of their own
_BATCH = {"latency": 1.6, "memory": 1.0, "throughput": 1.3}  # from the smallest to the largest
_INSTANCES = {"latency": -0.3, "memory": 0.7, "throughput": 0.7}
_DELAY = {"latency": 0.7, "throughput": 0.2}
_THREADS = {"latency": -0.7, "memory": 0.1, "throughput": 0.3}
_BUMPS, _BUMP_HEIGHT = 8, 0.9


@dataclass(frozen=True)
class Run:
    """What a configuration does, without noise and before any failure."""

    latency_ms: float
    memory_mib: float
    accuracy: float
    throughput: float


@dataclass(frozen=True)
class Physics:
    """The surfaces of one landscape."""

    latency: Surface
    memory: Surface
    quality: Surface
    throughput: Surface
    cost: Surface

    def run(self, point: Point) -> Run:
        """Return what the configuration at a point does."""
        latency = self.latency.at(point)
        return Run(
            latency_ms=_LATENCY_MS * math.exp(latency),
            memory_mib=_MEMORY_MIB * math.exp(self.memory.at(point)),
            accuracy=1 / (1 + math.exp(-1.2 - 0.7 * self.quality.at(point))),
            throughput=_THROUGHPUT * math.exp(self.throughput.at(point) - 0.7 * latency),
        )

    def seconds(self, point: Point) -> float:
        """Return how long a whole trial of the configuration at a point takes."""
        return _SECONDS * math.exp(self.cost.at(point))


def draw_physics(recipe: LandscapeClass, space: Space, rng: Random) -> Physics:
    """Draw the surfaces."""
    sizes = _sizes(recipe, space, rng)
    rough = recipe.rough
    spread = math.log(recipe.cost_spread) / 4  # a deviation: 95 % lie within the spread
    each = spread / math.sqrt(len(space.parameters))
    return Physics(
        latency=Surface(
            (
                *_of(sizes, _LATENCY_OF_SIZE),
                *_numbers(space, "latency"),
                *_random(space, rng, _SINGLE, _PAIR, _MANY),
                *_rough(rng, rough),
            )
        ),
        memory=Surface(
            (
                *_of(sizes, _MEMORY_OF_SIZE),
                *_numbers(space, "memory"),
                *_random(space, rng, _SINGLE / 2, _PAIR / 2, _FEW),
            )
        ),
        quality=Surface(
            (
                *_of(sizes, _QUALITY_OF_SIZE),
                *_random(space, rng, _SINGLE, _PAIR, _MANY),
                *_rough(rng, rough),
            )
        ),
        throughput=Surface(
            (*_numbers(space, "throughput"), *_random(space, rng, _SINGLE / 2, _PAIR / 2, _FEW))
        ),
        cost=Surface((*_of(sizes, spread / 2), *_random(space, rng, each, 0.0, 0))),
    )


def _sizes(recipe: LandscapeClass, space: Space, rng: Random) -> Mapping[str, float]:
    """Draw how large each family is, about a mean of 0."""
    family = space.parameters[0]
    if family.name != FAMILY:
        return {}
    count = family.count or 1
    steps = [-1.2 + 2.4 * place / (count - 1) + rng.gauss(0, 0.3) for place in range(count)]
    rng.shuffle(steps)
    stretch = 1.3 if recipe.deceptive else 1.0
    return {str(family.level(place)): stretch * step for place, step in enumerate(steps)}


def _of(sizes: Mapping[str, float], effect: float) -> tuple[Term, ...]:
    if not sizes:
        return ()
    return (Level(FAMILY, {name: effect * size for name, size in sizes.items()}),)


def _numbers(space: Space, metric: str) -> tuple[Term, ...]:
    """Return what is so of every system: larger batches take longer, more threads less long."""
    if space.parameters[0].name != FAMILY:
        return ()
    effects = {
        "batch": _BATCH.get(metric, 0.0),
        "instances": _INSTANCES.get(metric, 0.0),
        "delay_us": _DELAY.get(metric, 0.0),
        "threads": _THREADS.get(metric, 0.0),
    }
    return tuple(Curve(name, effect) for name, effect in effects.items())


def _random(space: Space, rng: Random, single: float, pair: float, pairs: int) -> tuple[Term, ...]:
    terms = random_terms(space, rng, single, pair, pairs)
    if space.parameters[0].name == FAMILY:
        return terms
    return (*terms, *random_bumps(space, rng, _BUMPS, _BUMP_HEIGHT * single / _SINGLE))


def _rough(rng: Random, deviation: float) -> tuple[Term, ...]:
    return (Roughness(f"rough-{rng.random()}", deviation),) if deviation else ()
