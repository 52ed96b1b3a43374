"""What a problem of DeployBench is: a search problem, a noisy system behind it, and its truth.

A search sees only the search problem and how its trials end. The truth is for keeping score: which
configurations are feasible without noise, and how good the best one is. So a configuration that was
measured as feasible by luck counts for nothing.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import Protocol

from deploytune.contract.models import Scalar
from deploytune.contract.outcomes import OutcomeKind
from deploytune.search.history import Parameters
from deploytune.search.problem import Problem

MOST_TRIALS = 60
"""The largest budget that a run may have."""


@dataclass(frozen=True)
class Ending:
    """How one trial ended: noisy metrics by key, and its cost in seconds."""

    kind: OutcomeKind
    metrics: Mapping[str, float]
    seconds: float


@dataclass(frozen=True)
class Truth:
    """Whether a configuration is feasible without noise, and its loss if it ran at all."""

    feasible: bool
    loss: float | None


class System(Protocol):
    """What is tuned."""

    def outcome(self, parameters: Parameters, rng: Random) -> Ending:
        """Try a configuration; `rng` is the noise."""
        ...

    def truth(self, parameters: Parameters) -> Truth:
        """Return what is so without noise."""
        ...


@dataclass(frozen=True)
class Answer:
    """The best truly feasible configuration, and what it is compared with.

    Regret is 0 at `best_loss` and 1 at `poor_loss` or worse. `best_family` is None where families
    tie, or there are none. `feasible` are truly feasible configurations: what an oracle knows.
    `losses` are those of all truly feasible configurations, in order, where all are known, and
    `noise` is by how much a loss must be better to be better at all.
    """

    best: Parameters
    best_loss: float
    poor_loss: float
    best_family: Scalar | None
    feasible: tuple[Parameters, ...]
    losses: tuple[float, ...] = ()
    noise: float = 0.0

    def rank(self, loss: float) -> float:
        """Return which share of all truly feasible configurations is better, in [0, 1]."""
        return bisect_left(self.losses, loss - self.noise) / len(self.losses)

    def regret(self, loss: float) -> float:
        """Return how far a truly feasible loss is from the best, in [0, 1]."""
        return min(max((loss - self.best_loss) / (self.poor_loss - self.best_loss), 0.0), 1.0)


NEAR_THE_BEST = 0.1
"""Regret that counts as a discovery where no family is the best one."""


@dataclass(frozen=True)
class BenchProblem:
    """One problem: its class and seed, what a search sees, the system, and the answer.

    `family` names the parameter that is the family; `answer` is None where nothing is feasible.
    """

    problem_class: str
    seed: int
    problem: Problem
    family: str | None
    system: System
    answer: Answer | None
    feasible_share: float

    def discovers(self, parameters: Parameters, regret: float) -> bool:
        """Tell whether a truly feasible configuration belongs to the best family."""
        if self.family is None or self.answer is None or self.answer.best_family is None:
            return regret <= NEAR_THE_BEST
        return parameters.get(self.family) == self.answer.best_family
