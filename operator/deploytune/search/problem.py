"""The search problem: a space, an objective, hard constraints, a budget, an algorithm.

Built once from a tuning (`deploytune.api.translate`) and never changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from deploytune.contract.errors import InvalidTuningError
from deploytune.contract.limits import Limit
from deploytune.contract.metrics import Direction
from deploytune.contract.models import Scalar
from deploytune.search.space import Space


@dataclass(frozen=True)
class Objective:
    """The metric (by key) to maximise or minimise."""

    metric: str
    direction: Direction

    def loss(self, value: float) -> float:
        """Return the value as something to minimise."""
        return -value if self.direction is Direction.MAXIMIZE else value


@dataclass(frozen=True)
class Constraint:
    """A hard limit and the smallest amount of its metric that matters, in the metric's unit."""

    limit: Limit
    scale: float = 1e-9


@dataclass(frozen=True)
class Algorithm:
    """Which strategy proposes, with which settings and seed.

    `preset` names another `TBA`; `sampler` is the class that `Optuna` uses.
    """

    name: str = "TBA"
    settings: Mapping[str, Scalar] = field(default_factory=lambda: MappingProxyType({}))
    seed: int = 0
    preset: str | None = None
    sampler: str | None = None


@dataclass(frozen=True)
class Problem:
    """Everything a strategy may know besides the history; `initial` is tried first."""

    space: Space
    objective: Objective
    constraints: tuple[Constraint, ...]
    max_trials: int
    algorithm: Algorithm = field(default_factory=Algorithm)
    initial: tuple[Mapping[str, Scalar], ...] = ()

    def __post_init__(self) -> None:
        """Refuse a budget of nothing, and initial configurations that may not be tried.

        Raises:
            InvalidTuningError: a rule is broken.
        """
        if self.max_trials < 1:
            raise InvalidTuningError(
                "budget.maxTrials", "must be greater than or equal to 1", self.max_trials
            )
        for place, configuration in enumerate(self.initial):
            self.space.check(configuration, f"searchSpace.initial[{place}]")
