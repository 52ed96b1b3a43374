"""The search for a function of your own: ask for a configuration, try it, tell how it ended.

    tuner = AskTell(problem)
    while (candidate := tuner.ask()) is not None:
        latency_ms = try_it(**candidate.parameters)
        outcome = "Feasible" if latency_ms <= 20 else "Infeasible"
        tuner.tell(candidate, outcome, metrics={"latency_ms": latency_ms})
    print(tuner.best)

Several candidates may be out at once. `ask` gives None when there is nothing left to ask for,
candidates still out counted: the budget is spent, every configuration of a finite space was given
out, or nothing was feasible and hardly anything can be (`hopelessBelow`). Tell those that are out
and the search is over; only one that ends as `Infrastructure`, which is not charged, leaves
something to ask for again.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from deploytune.contract.errors import InvalidTuningError
from deploytune.contract.models import Scalar
from deploytune.contract.outcomes import OutcomeKind
from deploytune.search.history import FinishedTrial, InFlight, Knowledge
from deploytune.search.problem import Problem
from deploytune.search.proposals import Proposal
from deploytune.search.proposing import next_proposal
from deploytune.search.ranking import best_feasible
from deploytune.search.stopping import StopReason, stop_reason


@dataclass(frozen=True)
class Candidate:
    """A configuration to try, and the proposal that says why."""

    index: int
    proposal: Proposal

    @property
    def parameters(self) -> dict[str, Scalar]:
        """The active parameters and their values."""
        return dict(self.proposal.parameters)


class AskTell:
    """Asks for candidates and is told how they ended; keeps nothing but that history."""

    def __init__(self, problem: Problem) -> None:
        self._problem = problem
        self._asked = 0
        self._out: dict[int, Candidate] = {}
        self._finished: list[FinishedTrial] = []

    def ask(self) -> Candidate | None:
        """Return the next candidate, or None when there is nothing left to ask for."""
        proposal = next_proposal(self._problem, self.knowledge, self._asked)
        if proposal is None:
            return None
        candidate = Candidate(self._asked, proposal)
        self._out[candidate.index] = candidate
        self._asked += 1
        return candidate

    def tell(
        self,
        candidate: Candidate,
        outcome: str,
        metrics: Mapping[str, float] | None = None,
        seconds: float = 0.0,
    ) -> None:
        """Say how a candidate ended: `Feasible`, `Infeasible`, `Crashed`, `TimedOut`, `Invalid`.

        `Infrastructure` and `Misconfigured` teach the search nothing, are not charged, and free the
        configuration to be asked for again.

        Raises:
            InvalidTuningError: not a candidate that is out, an unknown outcome, a figure that is
                not finite, or `Feasible` with a limit missed or not measured.
        """
        kind = _outcome(outcome)
        measured = dict(metrics or {})
        self._check_is_out(candidate)
        _check_finite(measured, seconds)
        if kind is OutcomeKind.FEASIBLE:
            self._check_feasible(measured)
        del self._out[candidate.index]
        if kind.policy.told:
            self._finished.append(
                FinishedTrial(candidate.index, candidate.parameters, kind, measured, seconds)
            )

    @property
    def best(self) -> FinishedTrial | None:
        """The feasible trial with the best objective, or None."""
        return best_feasible(self._problem, self._finished)

    @property
    def knowledge(self) -> Knowledge:
        """Everything told, in that order, and the candidates that are out."""
        in_flight = (InFlight(out.index, out.parameters) for out in self._out.values())
        return Knowledge(tuple(self._finished), tuple(in_flight))

    @property
    def stop_reason(self) -> StopReason | None:
        """Why `ask` gives None, or None while it gives candidates."""
        return stop_reason(self._problem, self.knowledge)

    def _check_is_out(self, candidate: Candidate) -> None:
        if self._out.get(candidate.index) is candidate:
            return
        told = candidate.index < self._asked and candidate.index not in self._out
        rule = "may be told only once" if told else "must come from this tuner's ask()"
        raise InvalidTuningError("candidate", rule, candidate.index)

    def _check_feasible(self, metrics: Mapping[str, float]) -> None:
        when = "when outcome is Feasible"
        for constraint in self._problem.constraints:
            limit = constraint.limit
            value = metrics.get(limit.metric)
            if value is None:
                raise InvalidTuningError(f"metrics.{limit.metric}", f"must be given {when}")
            if not limit.is_met_by(value):
                side = "less" if limit.max is not None else "greater"
                rule = f"must be {side} than or equal to {limit.bound:.12g} {when}"
                raise InvalidTuningError(f"metrics.{limit.metric}", rule, value)
        objective = self._problem.objective.metric
        if objective not in metrics:
            raise InvalidTuningError(f"metrics.{objective}", f"must be given {when}")


def _outcome(outcome: str) -> OutcomeKind:
    try:
        return OutcomeKind(outcome)
    except ValueError as error:
        known = ", ".join(OutcomeKind)
        raise InvalidTuningError("outcome", f"must be one of {known}", outcome) from error


def _check_finite(metrics: Mapping[str, object], seconds: float) -> None:
    for name, value in metrics.items():
        if (
            isinstance(value, bool)
            or not isinstance(value, int | float)
            or not math.isfinite(value)
        ):
            raise InvalidTuningError(f"metrics.{name}", "must be a finite number", value)
    if not (math.isfinite(seconds) and seconds >= 0):
        raise InvalidTuningError("seconds", "must be greater than or equal to 0", seconds)
