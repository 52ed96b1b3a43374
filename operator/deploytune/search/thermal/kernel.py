"""How alike two configurations are: a sum over values, pairs of values and triples of values.

    k(x, y) = c + sum_j w_j k_j + sum_{i<j} w_i w_j k_i k_j + sum_{i<j<l} w_i w_j w_l k_i k_j k_l

k_j is 1 for equal choices and 0 for others; for numbers it is half a squared exponential of a
short and half of a long length; two inactive values are alike, an inactive and an active one are
not. A failure of one value, of a pair or of a cell therefore spreads to what shares it and no
further: what is known of pairs backs off to values, and what is known of values to the mean. The
weights are learnt for each output. The sums over pairs and triples come from power sums (Newton's
identities), so that the cost is linear in the number of parameters.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from deploytune.search.thermal.arrays import INACTIVE, Flags, Floats, Positions

SHORT_LENGTH, LONG_LENGTH = 0.3, 0.8
"""Of the scale of a number: a crash zone is narrow, a trend is wide. A short length of 0.1 predicts
worse everywhere, one of 0.5 worse where there are only numbers (DeployBench, seeds 200-211)."""

CONSTANT = 0.25
"""Variance that all configurations share: the mean of an output is not known exactly."""


@dataclass(frozen=True)
class Likeness:
    """k_j of every pair of n rows with m others, (columns, n, m)."""

    by_column: Floats

    @classmethod
    def between(cls, rows: Floats, others: Floats, are_numeric: Flags) -> Likeness:
        """Return how alike the rows are to the others, column by column."""
        alike = np.empty((rows.shape[1], rows.shape[0], others.shape[0]))
        for column, is_numeric in enumerate(are_numeric):
            one, other = rows[:, column], others[:, column]
            alike[column] = _near(one, other) if is_numeric else one[:, None] == other[None, :]
        return cls(alike)

    def of(self, rows: Positions, others: Positions) -> Likeness:
        """Return the part of some rows and some others."""
        return Likeness(self.by_column[:, rows[:, None], others[None, :]])

    def covariance(self, weights: Floats) -> Floats:
        """Return k for weights w_j, (n, m)."""
        first, second, third = self._power_sums(weights)
        square = first * first
        pairs = (square - second) / 2
        triples = (first * (square - 3 * second) + 2 * third) / 6
        covariance: Floats = CONSTANT + first + pairs + triples
        return covariance.reshape(self.by_column.shape[1:])

    def gradient_against(self, weights: Floats, outer: Floats) -> Floats:
        """Return sum(outer * dk/dw_j) for every j: what a change of each weight would do."""
        alike = self._powers[0]
        first, second, _ = self._power_sums(weights)
        own = weights[:, None] * alike
        others = first - own
        other_pairs = (others * others - (second - own * own)) / 2
        changes: Floats = alike * (1 + others + other_pairs)
        return changes @ outer.ravel()

    def _power_sums(self, weights: Floats) -> tuple[Floats, Floats, Floats]:
        """Return sum_j (w_j k_j)^p of all pairs in a row, for p = 1, 2, 3."""
        alike, squares, cubes = self._powers
        squared = weights * weights
        return weights @ alike, squared @ squares, (squared * weights) @ cubes

    @cached_property
    def _powers(self) -> tuple[Floats, Floats, Floats]:
        alike = self.by_column.reshape(len(self.by_column), -1)
        squares = alike * alike
        return alike, squares, squares * alike


@dataclass(frozen=True)
class Parts:
    """Parts of a likeness, each made once: outputs that are seen at the same rows share one."""

    whole: Likeness
    _made: dict[tuple[bytes, bytes], Likeness] = field(default_factory=dict)

    def of(self, rows: Positions, others: Positions) -> Likeness:
        """Return the part of some rows and some others."""
        if self.whole.by_column.shape[1:] == (len(rows), len(others)):
            return self.whole
        key = (rows.tobytes(), others.tobytes())
        if key not in self._made:
            self._made[key] = self.whole.of(rows, others)
        return self._made[key]


def prior_variance(weights: Floats) -> float:
    """Return k of a row with itself."""
    return float(Likeness(np.ones((len(weights), 1, 1))).covariance(weights)[0, 0])


def _near(ones: Floats, others: Floats) -> Floats:
    """Return how near the numbers of one column are; each pair of levels is computed once."""
    levels, places = np.unique(ones, return_inverse=True)
    other_levels, other_places = np.unique(others, return_inverse=True)
    one, other = levels[:, None], other_levels[None, :]
    distance = (one - other) ** 2
    near = np.exp(-0.5 * distance / SHORT_LENGTH**2) + np.exp(-0.5 * distance / LONG_LENGTH**2)
    idle, other_idle = one == INACTIVE, other == INACTIVE
    each = np.where(idle | other_idle, idle & other_idle, near / 2)
    return np.asarray(each[places[:, None], other_places[None, :]])
