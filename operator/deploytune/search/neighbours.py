"""Configurations next to a configuration: another value of a choice, or a nearby number."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random

from deploytune.contract.models import Scalar
from deploytune.search.parameters import Parameter, same_value
from deploytune.search.space import Configuration, Space

_STEP_SHARE = 0.1  # standard deviation of a numeric move, as a share of the scale


def neighbour(
    space: Space, start: Mapping[str, Scalar], rng: Random, structural_probability: float
) -> Configuration:
    """Return a configuration one move away from `start`; it may be excluded, or be `start`.

    A structural move changes a Categorical or Boolean, a local one a number; where the start has
    only one sort, that one is moved. What the move activates is drawn.
    """
    movable = [p for p in space.parameters if p.name in start and p.count != 1]
    numbers = [p for p in movable if p.is_numeric]
    choices = [p for p in movable if not p.is_numeric]
    structural = rng.random() < structural_probability
    pool = (choices or numbers) if structural else (numbers or choices)
    if not pool:
        return dict(start)
    parameter = rng.choice(pool)
    moved = _moved if parameter.is_numeric else _switched
    value = moved(parameter, start[parameter.name], rng)
    return space.completed({**start, parameter.name: value}, rng)


def _switched(parameter: Parameter, value: Scalar, rng: Random) -> Scalar:
    others = (parameter.level(place) for place in range(parameter.count or 0))
    return rng.choice([other for other in others if not same_value(other, value)])


def _moved(parameter: Parameter, value: Scalar, rng: Random) -> Scalar:
    assert isinstance(value, int | float)
    share = parameter.share_of(value)
    move = rng.gauss(0, _STEP_SHARE)
    moved = parameter.at(min(max(share + move, 0.0), 1.0))
    if not same_value(moved, value) or parameter.count is None:
        return moved
    return parameter.next_to(value, up=move > 0)
