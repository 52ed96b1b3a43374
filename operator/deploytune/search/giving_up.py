"""While nothing was feasible: how much may be feasible yet, and when that is too little to go on.

Two upper bounds, which say different things:

- `feasible_share_at_most` needs no model: with 95 % confidence, no larger share of configurations
  chosen as the trials were is feasible (Clopper and Pearson's bound for none of n; about 3 / n). It
  holds as it stands for what is drawn at random. `TBA` tries what looks the likeliest to be
  feasible, so that of the whole space rather less is.
- `feasible_left_at_most` is what the models of `TBA` believe: the probability that a whole budget
  of further trials would find anything. No number of trials alone can say that nothing is left.

Only the second one ends a search, and not before the first one says something.
"""

from __future__ import annotations

from deploytune.search.history import Knowledge
from deploytune.search.problem import Problem
from deploytune.search.strategies.tba import hopeless_below, is_modelled

CONFIDENCE = 0.95

LEAST_TRIALS_TO_GIVE_UP = 10
"""With fewer, a quarter of all configurations like those tried may yet be feasible."""


def feasible_share_at_most(trials: int) -> float:
    """Return what share of configurations may be feasible when none of so many trials was."""
    return 1.0 if trials < 1 else 1.0 - float((1.0 - CONFIDENCE) ** (1.0 / trials))


def feasible_left_at_most(problem: Problem, knowledge: Knowledge) -> float | None:
    """Return the probability that as many trials again as the budget has find anything feasible.

    None for a strategy without models, after too few trials, or once something was feasible.
    """
    finished = knowledge.finished
    if not is_modelled(problem.algorithm) or len(finished) < LEAST_TRIALS_TO_GIVE_UP:
        return None
    if any(trial.is_feasible for trial in finished):
        return None
    from deploytune.search.thermal.hope import hope_at_most

    return hope_at_most(problem, knowledge.within(problem.space))


def is_hopeless(problem: Problem, knowledge: Knowledge) -> bool:
    """Tell whether so little hope is left that the search should end.

    What the tuning itself asks for, its defaults and initial configurations, is tried all the same.
    """
    enough = hopeless_below(problem.algorithm)
    if enough <= 0 or _wishes_are_left(problem, knowledge):
        return False
    hope = feasible_left_at_most(problem, knowledge)
    return hope is not None and hope < enough


def _wishes_are_left(problem: Problem, knowledge: Knowledge) -> bool:
    defaults, space = problem.space.defaults(), problem.space
    wishes = problem.initial if defaults is None else (defaults, *problem.initial)
    tried = knowledge.tried(space) if wishes else frozenset()
    return any(space.key(wish) not in tried for wish in wishes)
