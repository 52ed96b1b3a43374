"""Which of two trials is better: the smaller violation, then the better objective."""

from __future__ import annotations

import math
from collections.abc import Iterable

from deploytune.search.history import FinishedTrial
from deploytune.search.problem import Problem
from deploytune.search.violations import violation_of

Rank = tuple[float, float]
"""Violation and loss; smaller is better."""


def loss_of(problem: Problem, trial: FinishedTrial) -> float | None:
    """Return the objective of a measured trial as something to minimise, or None without one."""
    value = trial.metrics.get(problem.objective.metric)
    if value is None or not trial.was_measured or not math.isfinite(value):
        return None
    return problem.objective.loss(value)


def rank_of(problem: Problem, trial: FinishedTrial) -> Rank:
    """Return the trial's place in the order of all trials; without an objective, it comes last."""
    violation = violation_of(problem.constraints, trial.outcome, trial.metrics)
    loss = loss_of(problem, trial)
    return violation.total, math.inf if loss is None else loss


def best_feasible(problem: Problem, trials: Iterable[FinishedTrial]) -> FinishedTrial | None:
    """Return the feasible trial with the best objective, the first of equals, or None."""
    answers = [
        trial for trial in trials if trial.is_feasible and loss_of(problem, trial) is not None
    ]
    return min(answers, key=lambda trial: rank_of(problem, trial), default=None)
