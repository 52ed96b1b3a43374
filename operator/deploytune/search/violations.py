"""How far a trial is from its limits, as one number that compares across metrics.

Each constraint counts its excess over the limit, divided by max(|limit|, the metric's scale) and
squashed by v / (1 + v), so less than 1; an unmeasured limit is not met and counts 1. Their sum is
the violation. A trial that never ran to a measurement (Crashed, TimedOut, Invalid) counts the
number of constraints + 1: more than any that did.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass

from deploytune.contract.outcomes import OutcomeKind
from deploytune.search.problem import Constraint

_UNMEASURED = 1.0


@dataclass(frozen=True)
class Violation:
    """`total` is 0 exactly for a feasible trial.

    `excesses` holds one number per constraint, in their order: 0 or less is met, the closer to -1
    the safer; it is empty for a trial that never ran to a measurement.
    """

    total: float
    excesses: tuple[float, ...] = ()

    @property
    def by_constraint(self) -> tuple[float, ...]:
        """The share of each constraint in the total: 0 where it is met."""
        return tuple(max(excess, 0.0) for excess in self.excesses)


def violation_of(
    constraints: tuple[Constraint, ...], outcome: OutcomeKind, metrics: Mapping[str, float]
) -> Violation:
    """Return the violation of a trial with that outcome and those metrics."""
    if outcome not in (OutcomeKind.FEASIBLE, OutcomeKind.INFEASIBLE):
        return Violation(len(constraints) + 1.0)
    excesses = tuple(
        normalised_excess(constraint, metrics.get(constraint.limit.metric))
        for constraint in constraints
    )
    if outcome is OutcomeKind.FEASIBLE:
        return Violation(0.0, excesses)
    total = sum(max(excess, 0.0) for excess in excesses)
    # Infeasible for a reason that no metric shows counts like a limit that was not measured.
    return Violation(total or _UNMEASURED, excesses)


def normalised_excess(constraint: Constraint, value: float | None) -> float:
    """Return by how much a value misses its limit, in (-1, 1]; 0 or less is met."""
    if value is None or math.isnan(value):
        return _UNMEASURED
    limit = constraint.limit
    ratio = limit.excess(value) / max(abs(limit.bound), constraint.scale)
    if math.isinf(ratio):
        return math.copysign(_UNMEASURED, ratio)
    if ratio == 0 and not limit.is_met_by(value):
        ratio = sys.float_info.min
    return ratio / (1 + abs(ratio))
