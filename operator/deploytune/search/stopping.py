"""When to propose no more: an ordered chain of rules, the first that holds gives the reason.

Trials in flight count: nothing more is to be proposed now. The search is over only when none is in
flight, for one may yet end as an infrastructure failure, which is not charged and makes room for
another.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum

from deploytune.search.giving_up import is_hopeless
from deploytune.search.history import Knowledge
from deploytune.search.problem import Problem
from deploytune.search.strategies.tba import CONVERGED_BELOW, is_modelled

LEAST_TRIALS_TO_CONVERGE = 10
"""Models of fewer trials are not believed when they say that nothing better is left."""


class StopReason(StrEnum):
    """Why the search proposes no more."""

    BUDGET_EXHAUSTED = "BudgetExhausted"
    SPACE_EXHAUSTED = "SpaceExhausted"
    NO_FEASIBLE_CONFIGURATION = "NoFeasibleConfiguration"
    """Nothing was feasible, and hardly anything can be: the rest of the budget is not spent."""
    CONVERGED = "Converged"


def stop_reason(problem: Problem, knowledge: Knowledge) -> StopReason | None:
    """Return why nothing more is to be proposed now, or None."""
    return next((reason for rule, reason in _CHAIN if rule(problem, knowledge)), None)


def _budget_is_spent(problem: Problem, knowledge: Knowledge) -> bool:
    return knowledge.charged_trials >= problem.max_trials


def _space_is_used_up(problem: Problem, knowledge: Knowledge) -> bool:
    space = problem.space
    told = len(knowledge.finished) + len(knowledge.in_flight) + len(knowledge.abandoned)
    # A bound first: to count a large space takes a second, and this is asked at every pass.
    if space.is_larger_than(told):
        return False
    return not space.is_larger_than(len(knowledge.tried(space)))


def _gains_too_little(problem: Problem, knowledge: Knowledge) -> bool:
    """Tell whether `TBA` was asked to end by gain, and knows enough to say that none is left."""
    least = problem.algorithm.settings.get(CONVERGED_BELOW)
    if not is_modelled(problem.algorithm) or least is None:
        return False
    if len(knowledge.finished) < LEAST_TRIALS_TO_CONVERGE:
        return False
    from deploytune.search.thermal.choosing import expected_gain

    gain = expected_gain(problem, knowledge.within(problem.space))
    return gain is not None and gain < float(least)


_CHAIN: tuple[tuple[Callable[[Problem, Knowledge], bool], StopReason], ...] = (
    (_budget_is_spent, StopReason.BUDGET_EXHAUSTED),
    (_space_is_used_up, StopReason.SPACE_EXHAUSTED),
    (is_hopeless, StopReason.NO_FEASIBLE_CONFIGURATION),
    (_gains_too_little, StopReason.CONVERGED),
)
