"""How much each parameter decided, asked twice (see `deploytune.search.importance`).

What took a measured trial among the best objectives, and what made a trial feasible.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec

from deploytune.report.html.story import Story
from deploytune.search.history import FinishedTrial
from deploytune.search.ranking import loss_of

LEAST_TRIALS = 8
LEAST_BETTER = 5
"""Better trials that PED-ANOVA should have to stand on (its documentation)."""

_BETTER_SHARE = 0.1
_MOST_BETTER_SHARE = 0.5


@dataclass(frozen=True)
class Importance:
    """Shares by parameter that add up to 1, and the trials that they stand on."""

    shares: Mapping[str, float]
    trials: int
    better: int


def importance_of_objective(story: Story) -> Importance | None:
    """Return what decided the objective; None with too few measured trials, or without Optuna."""
    losses = [
        (trial, loss)
        for trial in story.knowledge.within(story.problem.space).finished
        if (loss := loss_of(story.problem, trial)) is not None
    ]
    if len(losses) < LEAST_TRIALS or len({loss for _, loss in losses}) < 2:  # noqa: PLR2004 - differ
        return None
    share = min(_MOST_BETTER_SHARE, max(_BETTER_SHARE, LEAST_BETTER / len(losses)))
    return _importance(story, [t for t, _ in losses], [loss for _, loss in losses], share)


def importance_of_feasibility(story: Story) -> Importance | None:
    """Return what decided whether a trial was feasible; None with too few of either kind."""
    trials = story.knowledge.within(story.problem.space).finished
    feasible = sum(trial.is_feasible for trial in trials)
    if len(trials) < LEAST_TRIALS or min(feasible, len(trials) - feasible) < LEAST_BETTER:
        return None
    losses = [0.0 if trial.is_feasible else 1.0 for trial in trials]
    return _importance(story, trials, losses, feasible / len(trials))


def is_possible() -> bool:
    """Whether Optuna is installed."""
    return find_spec("optuna") is not None


def _importance(
    story: Story, trials: Sequence[FinishedTrial], losses: Sequence[float], share: float
) -> Importance | None:
    if not is_possible():
        return None
    from deploytune.search.importance import importance_of_parameters

    configurations = [trial.parameters for trial in trials]
    shares = importance_of_parameters(story.problem.space, configurations, losses, share)
    if not shares:
        return None
    cutoff = sorted(losses)[math.ceil(share * len(losses)) - 1]
    return Importance(shares, len(trials), sum(loss <= cutoff for loss in losses))
