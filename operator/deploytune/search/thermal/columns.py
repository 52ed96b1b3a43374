"""Configurations as rows of numbers: a column for each parameter that can vary.

A choice is the position of its value, a number its share of the way along its scale, and what is
not active is marked. Drawing and moving work on whole arrays, so that hundreds of candidates cost a
millisecond; only what is proposed becomes a configuration again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from deploytune.contract.models import Scalar
from deploytune.search.parameters import Parameter, ParameterType, Scale, same_value
from deploytune.search.space import Configuration, Space
from deploytune.search.thermal.arrays import INACTIVE, Flags, Floats

Generator = np.random.Generator

_SAME_SHARE = 1e-9


@dataclass(frozen=True)
class Columns:
    """The columns of a space, each after those that its conditions name."""

    space: Space
    parameters: tuple[Parameter, ...]

    @classmethod
    def of(cls, space: Space) -> Columns:
        """Return the columns of a space; a parameter of one value has none unless it may rest."""
        return cls(space, tuple(p for p in space.activation_order if p.count != 1 or p.when))

    @cached_property
    def are_numeric(self) -> Flags:
        """Which columns hold shares of a scale; the others hold positions of values."""
        return np.array([p.is_numeric for p in self.parameters], dtype=bool)

    def place_of(self, name: str) -> int | None:
        """Return the column of a parameter, None if it has none."""
        return self._places.get(name)

    def encode(self, configurations: Sequence[Mapping[str, Scalar]]) -> Floats:
        """Return the rows of configurations, (n, columns)."""
        rows = np.full((len(configurations), len(self.parameters)), INACTIVE)
        for place, parameter in enumerate(self.parameters):
            coordinates: dict[Scalar, float] = {}  # values come back often, and cost a little each
            for row, configuration in enumerate(configurations):
                if parameter.name in configuration:
                    value = configuration[parameter.name]
                    if value not in coordinates:
                        coordinates[value] = coordinate(parameter, value)
                    rows[row, place] = coordinates[value]
        return rows

    def decode(self, row: Floats) -> Configuration:
        """Return the configuration of a row."""
        found: Configuration = {}
        for parameter in self.space.activation_order:
            if self.space.is_active(parameter, found):
                place = self._places.get(parameter.name)
                found[parameter.name] = (
                    parameter.level(0) if place is None else _value(parameter, row[place])
                )
        return self.space.normalised(found)

    def draw(self, count: int, rng: Generator) -> Floats:
        """Return rows of the whole space, each parameter drawn along its scale."""
        return self.settled(self._drawn(count, rng))

    def move(self, rows: Floats, step: float, second: float, rng: Generator) -> Floats:
        """Return each row with one parameter changed, and a second one with some probability.

        Numbers move by a normal step, a share of their scale; what becomes active is drawn.
        """
        drawn = self._drawn(len(rows), rng)
        moved = np.where(rows == INACTIVE, drawn, rows)
        for times in (np.ones(len(rows), dtype=bool), rng.random(len(rows)) < second):
            movable = (rows != INACTIVE) & self._can_vary & times[:, None]
            chosen = _one_of_each(movable, rng)
            moved = np.where(chosen, self._elsewhere(moved, step, rng), moved)
        return self.settled(moved)

    def settled(self, rows: Floats) -> Floats:
        """Return rows on the values that parameters take, resting ones marked."""
        settled = rows.copy()
        for place, parameter in enumerate(self.parameters):
            if parameter.is_numeric:
                settled[:, place] = _snapped(parameter, np.clip(rows[:, place], 0.0, 1.0))
            active = self._are_active(parameter, settled)
            settled[~active, place] = INACTIVE
        return settled

    def are_excluded(self, rows: Floats) -> Flags:
        """Tell which rows the space excludes."""
        excluded = np.zeros(len(rows), dtype=bool)
        for assignment in self.space.exclude:
            excluded |= self._hold(rows, assignment)
        return excluded

    @cached_property
    def _places(self) -> dict[str, int]:
        return {parameter.name: place for place, parameter in enumerate(self.parameters)}

    @cached_property
    def _can_vary(self) -> Flags:
        return np.array([p.count != 1 for p in self.parameters], dtype=bool)

    def _drawn(self, count: int, rng: Generator) -> Floats:
        drawn = rng.random((count, len(self.parameters)))
        for place, parameter in enumerate(self.parameters):
            if not parameter.is_numeric:
                drawn[:, place] = np.floor(drawn[:, place] * (parameter.count or 1))
        return drawn

    def _elsewhere(self, rows: Floats, step: float, rng: Generator) -> Floats:
        """Return every value of the rows moved: another choice, a number nearby."""
        moved = rows + rng.normal(0.0, step, rows.shape)
        for place, parameter in enumerate(self.parameters):
            count = parameter.count
            if not parameter.is_numeric and count is not None and count > 1:
                away = rng.integers(1, count, len(rows))
                moved[:, place] = (rows[:, place] + away) % count
            elif count is not None and count > 1:
                beyond = 1.0 / count  # at least to the next value
                way = moved[:, place] - rows[:, place]
                moved[:, place] = rows[:, place] + np.sign(way) * np.maximum(np.abs(way), beyond)
        return moved

    def _are_active(self, parameter: Parameter, rows: Floats) -> Flags:
        active = np.ones(len(rows), dtype=bool)
        for name, values in parameter.when.items():
            active &= np.any([self._hold(rows, {name: value}) for value in values], axis=0)
        return active

    def _hold(self, rows: Floats, assignment: Mapping[str, Scalar]) -> Flags:
        """Tell which rows have all the values of a partial assignment."""
        hold = np.ones(len(rows), dtype=bool)
        for name, value in assignment.items():
            place, parameter = self._places.get(name), self.space[name]
            if place is not None:
                hold &= np.abs(rows[:, place] - coordinate(parameter, value)) < _SAME_SHARE
            elif not same_value(parameter.normalised(value), parameter.level(0)):
                hold[:] = False
        return hold


def coordinate(parameter: Parameter, value: Scalar) -> float:
    """Return what stands in the column of an active parameter."""
    if not parameter.is_numeric:
        return float(parameter.position_of(value))
    assert isinstance(value, int | float)
    return min(max(parameter.share_of(value), 0.0), 1.0) if parameter.count != 1 else 0.0


def _value(parameter: Parameter, coordinate: float) -> Scalar:
    if parameter.is_numeric:
        return parameter.level(0) if parameter.count == 1 else parameter.at(float(coordinate))
    return parameter.level(int(coordinate))


def _snapped(parameter: Parameter, shares: Floats) -> Floats:
    """Return the shares of the values that a parameter takes at these shares."""
    count = parameter.count
    if count is None:
        return shares
    if count == 1:
        return np.zeros_like(shares)
    if parameter.scale is Scale.LOG and parameter.type is ParameterType.INTEGER:
        assert parameter.minimum is not None
        assert parameter.maximum is not None
        low, span = np.log(parameter.minimum), np.log((parameter.maximum + 1) / parameter.minimum)
        values = np.floor(np.exp(low + shares * span) + _SAME_SHARE)
        within = np.clip(values, parameter.minimum, parameter.maximum)
        return np.asarray((np.log(within + 0.5) - low) / span)
    return np.asarray((np.minimum(np.floor(shares * count), count - 1) + 0.5) / count)


def _one_of_each(movable: Flags, rng: Generator) -> Flags:
    """Return one movable column of each row that has any."""
    ranks = np.where(movable, rng.random(movable.shape), -1.0)
    chosen = np.zeros_like(movable)
    if movable.shape[1]:
        best = ranks.argmax(axis=1)
        chosen[np.arange(len(movable)), best] = movable.any(axis=1)
    return chosen
