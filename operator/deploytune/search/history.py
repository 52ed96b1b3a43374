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
