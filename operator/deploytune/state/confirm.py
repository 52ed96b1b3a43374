"""The winner is re-measured before it is believed.

When the search is over, the best feasible trial (by the objective, then by its margin to the
limits) is the candidate. It is measured `budget.confirmations` times more, in fresh trials on top
of `budget.maxTrials`. A confirmation that is not feasible puts the candidate out and the next best
takes its place; after `MAX_CANDIDATES` of them there is no answer. A confirmation that
infrastructure has spoiled says nothing and is made again.

The best one may have been lucky, so the answer's figures are those of its confirmations alone. That
others are not measured again for the best mean is a choice: it gained less than one trial of the
search does for the same cost (`operator/docs/adr/0009-candidates-are-confirmed-in-turn.md`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from deploytune.api.trial import Purpose, TuningTrial
from deploytune.contract.outcomes import OutcomeKind
from deploytune.search.problem import Problem
from deploytune.search.ranking import loss_of
from deploytune.search.violations import violation_of
from deploytune.state.history import to_finished_trial
from deploytune.state.observe import in_order_of_completion

MAX_CANDIDATES = 5
"""How many candidates are confirmed before the tuning ends without an answer."""


@dataclass(frozen=True)
class Candidate:
    """A feasible trial that stands so far, and what its confirmations are."""

    trial: TuningTrial
    confirmed_by: tuple[TuningTrial, ...] = ()
    unfinished: int = 0

    def missing(self, wanted: int) -> int:
        """Return how many confirmations are still to be begun."""
        return max(0, wanted - len(self.confirmed_by) - self.unfinished)

    def is_confirmed(self, wanted: int) -> bool:
        """Tell whether all wanted confirmations are in."""
        return self.unfinished == 0 and len(self.confirmed_by) >= wanted


def standing_candidate(problem: Problem, trials: tuple[TuningTrial, ...]) -> Candidate | None:
    """Return the best candidate that no confirmation has put out, or None."""
    ranked = sorted(_feasible(problem, trials), key=lambda trial: _rank(problem, trial))
    for trial in ranked[:MAX_CANDIDATES]:
        confirmations = [t for t in trials if t.spec.confirms == trial.spec.index]
        ended = in_order_of_completion(tuple(confirmations))
        if not any(_speaks_against(confirmation) for confirmation in ended):
            return Candidate(
                trial,
                tuple(t for t in ended if t.status.outcome is OutcomeKind.FEASIBLE),
                len(confirmations) - len(ended),
            )
    return None


def _feasible(problem: Problem, trials: tuple[TuningTrial, ...]) -> Iterable[TuningTrial]:
    return (
        trial
        for trial in in_order_of_completion(trials)
        if trial.spec.purpose is not Purpose.CONFIRM
        and trial.status.outcome is OutcomeKind.FEASIBLE
        and loss_of(problem, to_finished_trial(problem, trial)) is not None
    )


def _rank(problem: Problem, trial: TuningTrial) -> tuple[float, float]:
    told = to_finished_trial(problem, trial)
    loss = loss_of(problem, told)
    assert loss is not None, "candidates have an objective"
    excesses = violation_of(problem.constraints, told.outcome, told.metrics).excesses
    return loss, max(excesses, default=0.0)


def _speaks_against(confirmation: TuningTrial) -> bool:
    outcome = confirmation.status.outcome
    return outcome is not None and outcome.policy.told and outcome is not OutcomeKind.FEASIBLE
