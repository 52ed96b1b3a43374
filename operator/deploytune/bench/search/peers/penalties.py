"""One number for peers that know no constraints: smaller is better, and every failure is worse.

A feasible loss counts by its inverse hyperbolic sine, which tames losses of many decades. A trial
that is not feasible counts its violation above a ceiling over all feasible losses.
"""

from __future__ import annotations

import math

from deploytune.contract.metrics import METRICS, split_metric_key
from deploytune.search.history import FinishedTrial
from deploytune.search.problem import Problem
from deploytune.search.ranking import rank_of

_NEVER_NEGATIVE, _ANY = 0.0, 20.0  # ceilings; the second is beyond a loss of 10^8


def penalised(problem: Problem, trial: FinishedTrial) -> float:
    """Return the trial as one number to minimise."""
    violation, loss = rank_of(problem, trial)
    if violation == 0:
        return math.asinh(loss)
    ours = split_metric_key(problem.objective.metric)[0] in METRICS
    return (_NEVER_NEGATIVE if ours and problem.objective.loss(1.0) < 0 else _ANY) + violation
