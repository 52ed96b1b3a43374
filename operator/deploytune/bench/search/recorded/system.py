"""A table as a system: a trial is one of the measurements of its configuration, drawn at random.

A measurement that ran is judged by the limits of the problem, which need not be those that it was
recorded under; a failure stays the failure that it was. What is true of a configuration is the
median of what was measured of it, if most of its measurements ran.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from statistics import median

from deploytune.bench.search.problems import Ending, Truth
from deploytune.bench.search.recorded.table import Measurement, Table
from deploytune.contract.limits import Limit
from deploytune.contract.metrics import METRICS, Transform, split_metric_key
from deploytune.contract.outcomes import OutcomeKind
from deploytune.search.history import Parameters
from deploytune.search.problem import Objective


@dataclass(frozen=True)
class RecordedSystem:
    """The table, and what is asked of it."""

    table: Table
    objective: Objective
    limits: tuple[Limit, ...]

    def outcome(self, parameters: Parameters, rng: Random) -> Ending:
        """Return one of the measurements of a configuration."""
        drawn = rng.choice(self.table.of(parameters))
        kind = self._judged(drawn.metrics) if drawn.ran else drawn.outcome
        return Ending(kind, dict(drawn.metrics), drawn.seconds)

    def truth(self, parameters: Parameters) -> Truth:
        """Return whether it is feasible in the median, and its loss."""
        metrics = typical_metrics(self.table.of(parameters))
        return Truth(feasible=False, loss=None) if metrics is None else self.truth_of(metrics)

    def truth_of(self, metrics: Mapping[str, float]) -> Truth:
        """Return whether these metrics, taken as true, are feasible, and their loss."""
        kept = self._judged(metrics) is OutcomeKind.FEASIBLE
        value = metrics.get(self.objective.metric)
        return Truth(kept, None if value is None else self.true_loss(value))

    def true_loss(self, value: float) -> float:
        """Return the loss that regret is of: of a latency, its logarithm."""
        transform = METRICS[split_metric_key(self.objective.metric)[0]].transform
        return self.objective.loss(math.log(value) if transform is Transform.LOG else value)

    def _judged(self, metrics: Mapping[str, float]) -> OutcomeKind:
        kept = all(limit.is_met_by(metrics.get(limit.metric)) for limit in self.limits)
        is_feasible = kept and self.objective.metric in metrics
        return OutcomeKind.FEASIBLE if is_feasible else OutcomeKind.INFEASIBLE


def typical_metrics(measured: Sequence[Measurement]) -> Mapping[str, float] | None:
    """Return the median of every metric that all runs measured, None unless most of them ran.

    What came out as no measurement tells nothing, and counts for neither side.
    """
    telling = [one for one in measured if one.outcome is not OutcomeKind.INVALID]
    runs = [one.metrics for one in telling if one.ran]
    if 2 * len(runs) <= len(telling):
        return None
    keys = [key for key in runs[0] if all(key in run for run in runs)]
    return {key: median(run[key] for run in runs) for key in keys}
