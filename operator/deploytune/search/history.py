"""What is known: finished trials in the order in which they were told, and trials in flight."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from deploytune.contract.models import Scalar
from deploytune.contract.outcomes import OutcomeKind
from deploytune.search.space import Key, Space

Parameters = Mapping[str, Scalar]
"""A configuration: the active parameters and their values."""


@dataclass(frozen=True)
class FinishedTrial:
    """A trial whose outcome the search is told; `metrics` by metric key, `seconds` its cost."""

    index: int
    parameters: Parameters
    outcome: OutcomeKind
    metrics: Mapping[str, float] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def is_feasible(self) -> bool:
        """Whether every limit was measured and met."""
        return self.outcome is OutcomeKind.FEASIBLE

    @property
    def was_measured(self) -> bool:
        """Whether the trial ran to a measurement, so that its metrics can be learnt from."""
        return self.outcome in (OutcomeKind.FEASIBLE, OutcomeKind.INFEASIBLE)


@dataclass(frozen=True)
class InFlight:
    """A trial that was proposed and has not ended."""

    index: int
    parameters: Parameters


@dataclass(frozen=True)
class Knowledge:
    """All a strategy may look at: finished trials in told order, and those in flight.

    `abandoned` are configurations that never came to an outcome (infrastructure retries spent):
    not proposed again, and nothing is learnt from them.
    """

    finished: tuple[FinishedTrial, ...] = ()
    in_flight: tuple[InFlight, ...] = ()
    abandoned: tuple[Parameters, ...] = ()

    @property
    def charged_trials(self) -> int:
        """Trials that count against the budget: finished ones and those in flight."""
        return len(self.finished) + len(self.in_flight)

    def within(self, space: Space) -> Knowledge:
        """Return what says something of this space: all but trials of parameters no longer in it.

        They were charged and are not proposed again, but no strategy can learn from them.
        """
        return Knowledge(
            tuple(trial for trial in self.finished if space.has(trial.parameters)),
            tuple(trial for trial in self.in_flight if space.has(trial.parameters)),
            tuple(parameters for parameters in self.abandoned if space.has(parameters)),
        )

    def tried(self, space: Space) -> frozenset[Key]:
        """Return the keys of all configurations that are not to be proposed again."""
        return frozenset(
            space.key(parameters)
            for parameters in (
                *(trial.parameters for trial in self.finished),
                *(trial.parameters for trial in self.in_flight),
                *self.abandoned,
            )
        )
