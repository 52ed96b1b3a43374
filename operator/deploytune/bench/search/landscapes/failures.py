"""What crashes, hangs or runs out of memory in a landscape, and what that costs.

A rule is a conjunction: values of some choices, numbers above a threshold, or a cell that chance
picked. Rules are drawn until the wanted share of a sample of the space crashes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from random import Random

from deploytune.bench.search.chance import share
from deploytune.bench.search.landscapes.surfaces import Point
from deploytune.contract.models import Scalar
from deploytune.search.space import Space


class FailureShape(StrEnum):
    """Where failures sit."""

    VALUES = "values"
    PAIRS = "pairs"
    TRIPLES = "triples"
    THRESHOLDS = "thresholds"
    ZONES = "zones"
    UNSTRUCTURED = "unstructured"
    MIXED = "mixed"


@dataclass(frozen=True)
class Rule:
    """Crashes where all of it holds, after a part of the seconds that a whole trial takes."""

    values: Mapping[str, Scalar] = field(default_factory=dict)
    above: Mapping[str, float] = field(default_factory=dict)
    below: Mapping[str, float] = field(default_factory=dict)
    cells: tuple[str, float] | None = None
    spent: float = 0.2

    def holds(self, point: Point) -> bool:
        """Tell whether a point crashes by this rule."""
        shares = point.shares
        return (
            all(point.parameters.get(name) == value for name, value in self.values.items())
            and all(shares.get(name, -1.0) >= least for name, least in self.above.items())
            and all(shares.get(name, 2.0) <= most for name, most in self.below.items())
            and (self.cells is None or share(self.cells[0], point.cell) < self.cells[1])
        )


def draw_rules(
    shape: FailureShape, space: Space, rng: Random, points: Sequence[Point], wanted: float
) -> tuple[Rule, ...]:
    """Draw rules until about the wanted share of the points crashes."""
    if shape is FailureShape.UNSTRUCTURED:
        return (Rule(cells=(f"cells-{rng.random()}", wanted), spent=rng.uniform(0.05, 0.6)),)
    draw = _DRAWS[shape]
    points = points[:_LOOKED_AT]
    rules: list[Rule] = []
    crashed = [False] * len(points)
    for _ in range(_TRIES):
        rule = draw(space, rng)
        after = [was or rule.holds(point) for was, point in zip(crashed, points, strict=True)]
        count = sum(after)
        if sum(crashed) < count <= (wanted + _TOO_MANY) * len(points):
            rules.append(rule)
            crashed = after
        if sum(crashed) >= wanted * len(points):
            break
    return tuple(rules)


_TRIES = 100
_LOOKED_AT = 500  # points
_TOO_MANY = 0.06  # above the wanted share


def _of_values(arity: int) -> Callable[[Space, Random], Rule]:
    def draw(space: Space, rng: Random) -> Rule:
        choices = [parameter for parameter in space.parameters if not parameter.is_numeric]
        picked = rng.sample(choices, arity)
        values = {p.name: p.level(rng.randrange(p.count or 1)) for p in picked}
        return Rule(values=values, spent=_spent(rng))

    return draw


def _threshold(space: Space, rng: Random) -> Rule:
    """A number too large (or too small) under one value: batch 32 on one backend."""
    number = rng.choice([parameter.name for parameter in space.parameters if parameter.is_numeric])
    values = _of_values(1)(space, rng).values
    place = rng.uniform(0.25, 0.75)
    if rng.random() < 2 / 3:
        return Rule(values=values, above={number: place}, spent=_spent(rng))
    return Rule(values=values, below={number: place}, spent=_spent(rng))


def _zone(space: Space, rng: Random) -> Rule:
    """A corner of two or three numbers."""
    names = [parameter.name for parameter in space.parameters if parameter.is_numeric]
    above: dict[str, float] = {}
    below: dict[str, float] = {}
    for name in rng.sample(names, rng.choice((2, 2, 3))):
        place = rng.uniform(0.4, 0.75)
        if rng.random() < 1 / 2:
            above[name] = place
        else:
            below[name] = 1 - place
    return Rule(above=above, below=below, spent=_spent(rng))


def _mixed(space: Space, rng: Random) -> Rule:
    draws = [_of_values(2), _of_values(2), _of_values(3)]
    if any(parameter.is_numeric for parameter in space.parameters):
        draws.append(_threshold)
    return rng.choice(draws)(space, rng)


def _spent(rng: Random) -> float:
    """Most crash while loading, some only after a long build."""
    return rng.choice((0.02, 0.05, 0.1, 0.3, 0.6))


_DRAWS: Mapping[FailureShape, Callable[[Space, Random], Rule]] = {
    FailureShape.VALUES: _of_values(1),
    FailureShape.PAIRS: _of_values(2),
    FailureShape.TRIPLES: _of_values(3),
    FailureShape.THRESHOLDS: _threshold,
    FailureShape.ZONES: _zone,
    FailureShape.MIXED: _mixed,
}
