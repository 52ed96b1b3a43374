"""What a trial shows, as numbers that a model can see: labels, margins, losses.

Metrics are seen as they declare (`contract/metrics.py`): a latency by its logarithm, an accuracy by
its log odds. A metric of somebody's own is seen by its logarithm where all its values allow it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from deploytune.contract.metrics import METRICS, Transform, split_metric_key
from deploytune.contract.outcomes import OutcomeKind
from deploytune.search.history import FinishedTrial
from deploytune.search.problem import Constraint, Problem
from deploytune.search.ranking import loss_of
from deploytune.search.thermal.arrays import Floats, Positions
from deploytune.search.violations import violation_of

FURTHEST_MARGIN = math.log(5.0)
"""Beyond five times its limit a trial is aborted early, and its figure is only a bound: all such
margins count the same, so that how early one was aborted teaches nothing."""

SAFEST_MARGIN = -3.0
"""Far inside a limit it does not matter how far."""

WIDE_SPAN = 8.0
"""A metric of unknown kind whose values differ by more than this is seen by its logarithm."""

_EDGE = 1e-3  # of a share: log odds have no value at 0 and 1


@dataclass(frozen=True)
class Observed:
    """One output: the rows (positions of finished trials) that show it, and its values there."""

    rows: Positions
    values: Floats


def ran(problem: Problem, trials: Sequence[FinishedTrial]) -> Observed:
    """Return 1 for trials that ran and whose limits tell why they are infeasible, if they are."""
    labels = [float(_ran_as_it_should(problem, trial)) for trial in trials]
    return Observed(np.arange(len(trials)), np.array(labels))


def margins(constraint: Constraint, trials: Sequence[FinishedTrial]) -> Observed:
    """Return by how much measured trials miss a limit, above 0, or keep it."""
    metric, bound = constraint.limit.metric, constraint.limit.bound
    rows, values = _measured(trials, lambda trial: trial.metrics.get(metric))
    seen, scale = _scale_of(metric, np.append(values, bound))
    sign = 1.0 if constraint.limit.max is not None else -1.0
    away = sign * (seen[:-1] - seen[-1])
    if scale is Transform.IDENTITY:
        away = away / max(abs(bound), constraint.scale)
    return Observed(rows, np.clip(away, SAFEST_MARGIN, FURTHEST_MARGIN))


def losses(problem: Problem, trials: Sequence[FinishedTrial]) -> Observed:
    """Return the objective of measured trials as something to minimise, on a scale to model."""
    objective = problem.objective
    rows, values = _objectives(problem, trials)
    seen, _ = _scale_of(objective.metric, values)
    return Observed(rows, np.array([objective.loss(value) for value in seen]))


def relative_gain(
    problem: Problem, trials: Sequence[FinishedTrial], gains: Floats, incumbent: float
) -> Floats:
    """Return gains over an incumbent's loss, both as `losses` has them, as shares of its objective.

    Of a metric that is seen by its logarithm a gain is such a share already; of one seen by its log
    odds, this is the slope there.
    """
    metric = problem.objective.metric
    _, values = _objectives(problem, trials)
    _, scale = _scale_of(metric, values)
    if scale is Transform.LOG:
        return gains
    seen = problem.objective.loss(incumbent)  # its own inverse
    if scale is Transform.LOGIT:
        return gains / (1 + math.exp(seen))
    return gains / max(abs(seen), _EDGE)


def _objectives(problem: Problem, trials: Sequence[FinishedTrial]) -> tuple[Positions, Floats]:
    metric = problem.objective.metric
    return _measured(trials, lambda t: None if loss_of(problem, t) is None else t.metrics[metric])


def _ran_as_it_should(problem: Problem, trial: FinishedTrial) -> bool:
    if trial.outcome is OutcomeKind.FEASIBLE:
        return True
    if trial.outcome is not OutcomeKind.INFEASIBLE:
        return False
    measured = [c for c in problem.constraints if c.limit.metric in trial.metrics]
    return violation_of(tuple(measured), trial.outcome, trial.metrics).total > 0 and any(
        not c.limit.is_met_by(trial.metrics[c.limit.metric]) for c in measured
    )


def _measured(
    trials: Sequence[FinishedTrial], value_of: Callable[[FinishedTrial], float | None]
) -> tuple[Positions, Floats]:
    shown = ((row, value_of(trial)) for row, trial in enumerate(trials) if trial.was_measured)
    finite = [(row, value) for row, value in shown if value is not None and math.isfinite(value)]
    return _positions([row for row, _ in finite]), np.array([value for _, value in finite])


def _scale_of(metric: str, values: Floats) -> tuple[Floats, Transform]:
    """Return values as a model of their metric should see them, and how that is."""
    known = METRICS.get(split_metric_key(metric)[0])
    wanted = Transform.LOG if known is None else known.transform
    if wanted is Transform.LOGIT:
        shares = np.clip(values, _EDGE, 1 - _EDGE)
        return np.log(shares / (1 - shares)), Transform.LOGIT
    positive = bool(np.all(values > 0))
    if known is None and positive and len(values):
        wanted = Transform.LOG if values.max() / values.min() > WIDE_SPAN else Transform.IDENTITY
    if wanted is Transform.LOG and positive:
        return np.log(values), Transform.LOG
    return values, Transform.IDENTITY


def _positions(rows: list[int]) -> Positions:
    return np.array(rows, dtype=np.intp)
