"""What a tuning says in the end when no trial met every limit: one line that can be acted upon.

How the search ended and after how many trials, what hope was left, which limit binds, and the
nearest miss. A limit that binds and is missed by every measured trial is the one to talk about.
"""

from __future__ import annotations

from collections import Counter

from deploytune.api.conditions import Reason
from deploytune.api.trial import TuningTrial
from deploytune.api.tuning import NearestMiss
from deploytune.contract.metrics import METRICS, split_metric_key
from deploytune.search.giving_up import (
    LEAST_TRIALS_TO_GIVE_UP,
    feasible_left_at_most,
    feasible_share_at_most,
)
from deploytune.search.history import Knowledge
from deploytune.search.problem import Problem
from deploytune.state.answers import nearest_miss
from deploytune.state.conditions import Course
from deploytune.state.history import knowledge_of

_WHY = {
    Reason.BUDGET_EXHAUSTED: "the budget is spent",
    Reason.SPACE_EXHAUSTED: "no configuration is left to try",
    Reason.STOPPED: "the search was stopped",
    Reason.NO_FEASIBLE_CONFIGURATION: "given up before the budget was spent",
}


def nothing_feasible(
    problem: Problem, trials: tuple[TuningTrial, ...], search_ended_by: Reason
) -> Course:
    """Return the last course of a tuning of which no trial was feasible."""
    knowledge = knowledge_of(problem, trials)
    left = _left(problem, knowledge, search_ended_by)
    parts = (
        f"no trial of {len(knowledge.finished)} met every limit: {_why(search_ended_by)}",
        _hope(problem, knowledge, left),
        _binding(knowledge, nearest_miss(problem, trials)),
    )
    return Course(
        Reason.NO_FEASIBLE_CONFIGURATION,
        "; ".join(part for part in parts if part),
        is_finished=True,
        feasible_left_at_most=left,
    )


def _why(search_ended_by: Reason) -> str:
    return _WHY.get(search_ended_by, search_ended_by.value)


def _left(problem: Problem, knowledge: Knowledge, search_ended_by: Reason) -> float | None:
    """Return what hope is left: none where all was tried and came to an outcome."""
    if search_ended_by is Reason.SPACE_EXHAUSTED and not knowledge.abandoned:
        return 0.0
    return feasible_left_at_most(problem, knowledge)


def _hope(problem: Problem, knowledge: Knowledge, left: float | None) -> str:
    few = len(knowledge.finished) < LEAST_TRIALS_TO_GIVE_UP
    if left == 0.0 or (left is None and few):
        return ""
    if left is None:
        share = feasible_share_at_most(len(knowledge.finished))
        return f"<= {_percent(share)} of configurations chosen like these are feasible (95 % sure)"
    return f"P({problem.max_trials} more find one) <= {_percent(left)}, say the models"


def _binding(knowledge: Knowledge, miss: NearestMiss | None) -> str:
    if miss is None:
        ends = Counter(trial.outcome.value for trial in knowledge.finished)
        counts = ", ".join(f"{kind} {count}" for kind, count in ends.most_common())
        return f"none came to a measurement ({counts})" if counts else ""
    if miss.binding_metric is None or miss.limit is None:
        return f"nearest miss {miss.trial}"
    value = "unmeasured" if miss.value is None else f"{miss.value:.4g}"
    definition = METRICS.get(split_metric_key(miss.binding_metric)[0])
    unit = "" if definition is None else f" {definition.unit}"
    return (
        f"binding limit {miss.binding_metric}, missed by {miss.missed_by} of {miss.measured} "
        f"measured; nearest miss {miss.trial}: {value}, limit {miss.limit:.4g}{unit}"
    )


def _percent(share: float) -> str:
    return f"{100 * share:.2g} %"
