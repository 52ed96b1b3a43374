"""Smooth and rough functions of a configuration, as sums of small terms.

A term sees a point: the configuration, and its numbers as shares of their range. A parameter that
is not active contributes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from statistics import NormalDist
from typing import Protocol

from deploytune.bench.search.chance import share
from deploytune.contract.models import Scalar
from deploytune.search.history import Parameters
from deploytune.search.space import Space

_BINS = 4  # of a number, where only its neighbourhood matters
_NORMAL = NormalDist()


@dataclass(frozen=True)
class Point:
    """A configuration, and its numeric parameters in [0, 1] along their scales."""

    parameters: Parameters
    shares: Mapping[str, float]

    @property
    def cell(self) -> str:
        """The configuration with its numbers coarsened, as text."""
        coarse = {name: int(part * _BINS) for name, part in self.shares.items()}
        return repr(sorted({**self.parameters, **coarse}.items()))


def point_of(space: Space, parameters: Parameters) -> Point:
    """Return the configuration as a point."""
    shares = {
        name: space[name].share_of(float(value))
        for name, value in parameters.items()
        if space[name].is_numeric
    }
    return Point(parameters, shares)


class Term(Protocol):
    """One addend."""

    def at(self, point: Point) -> float:
        """Return the addend at a point."""
        ...


@dataclass(frozen=True)
class Level:
    """An effect of each value of a choice."""

    name: str
    effects: Mapping[Scalar, float]

    def at(self, point: Point) -> float:
        """Return the effect of the value there."""
        return self.effects.get(point.parameters.get(self.name, ""), 0.0)


@dataclass(frozen=True)
class Pair:
    """An effect of each pair of values of two choices."""

    one: str
    other: str
    effects: Mapping[tuple[Scalar, Scalar], float]

    def at(self, point: Point) -> float:
        """Return the effect of the pair there."""
        pair = (point.parameters.get(self.one, ""), point.parameters.get(self.other, ""))
        return self.effects.get(pair, 0.0)


@dataclass(frozen=True)
class Curve:
    """A slope along a number, and a valley (or, with a negative depth, a hill) around a place."""

    name: str
    slope: float = 0.0
    depth: float = 0.0
    centre: float = 0.5

    def at(self, point: Point) -> float:
        """Return the height there."""
        along = point.shares.get(self.name)
        if along is None:
            return 0.0
        return self.slope * along + self.depth * (along - self.centre) ** 2


@dataclass(frozen=True)
class Slopes:
    """A slope along a number that differs by the value of a choice."""

    number: str
    choice: str
    slopes: Mapping[Scalar, float]

    def at(self, point: Point) -> float:
        """Return the height there."""
        slope = self.slopes.get(point.parameters.get(self.choice, ""), 0.0)
        return slope * point.shares.get(self.number, 0.0)


@dataclass(frozen=True)
class Bump:
    """A Gaussian hill over several numbers."""

    centre: Mapping[str, float]
    height: float
    width: float

    def at(self, point: Point) -> float:
        """Return the height there."""
        squares = sum((point.shares.get(name, 0.5) - at) ** 2 for name, at in self.centre.items())
        return float(self.height * 2.718281828459045 ** (-squares / (2 * self.width**2)))


@dataclass(frozen=True)
class Roughness:
    """A different normal number in every cell: nothing to learn from neighbours."""

    name: str
    deviation: float

    def at(self, point: Point) -> float:
        """Return the number of the cell there."""
        part = min(max(share(self.name, point.cell), 1e-9), 1 - 1e-9)
        return self.deviation * _NORMAL.inv_cdf(part)


@dataclass(frozen=True)
class Surface:
    """A sum of terms."""

    terms: tuple[Term, ...]

    def at(self, point: Point) -> float:
        """Return the sum at a point."""
        height = 0.0
        for term in self.terms:  # most of the time of drawing a landscape: plain and quick
            height += term.at(point)
        return height


def random_terms(
    space: Space, rng: Random, single: float, pair: float, pairs: int
) -> tuple[Term, ...]:
    """Draw an effect for every value, and effects for some pairs of parameters.

    `single` and `pair` are the standard deviations of the two kinds. The first parameter is in
    every other pair: what a value does differs most by family.
    """
    choices = [parameter for parameter in space.parameters if not parameter.is_numeric]
    numbers = [parameter.name for parameter in space.parameters if parameter.is_numeric]
    values = {p.name: [p.level(place) for place in range(p.count or 0)] for p in choices}
    terms: list[Term] = [
        Level(name, {level: rng.gauss(0, single) for level in levels})
        for name, levels in values.items()
    ]
    terms.extend(
        Curve(name, rng.gauss(0, single), rng.gauss(0, 2 * single), rng.random())
        for name in numbers
    )
    names = list(values)
    for place in range(pairs if names else 0):
        one, other = rng.sample(names, 2)
        one = names[0] if place % 2 == 0 and other != names[0] else one
        effects = {(a, b): rng.gauss(0, pair) for a in values[one] for b in values[other]}
        terms.append(Pair(one, other, effects))
    if names and numbers and pairs:
        slopes = {value: rng.gauss(0, 2 * pair) for value in values[names[0]]}
        terms.append(Slopes(rng.choice(numbers), names[0], slopes))
    return tuple(terms)


def random_bumps(space: Space, rng: Random, count: int, height: float) -> tuple[Term, ...]:
    """Draw hills and valleys over the numbers of a space."""
    names = [parameter.name for parameter in space.parameters if parameter.is_numeric]
    return tuple(
        Bump(
            {name: rng.random() for name in rng.sample(names, 3)},
            rng.choice((-1, 1)) * height * rng.uniform(0.5, 1.5),
            rng.uniform(0.15, 0.4),
        )
        for _ in range(count)
    )
