"""What the published method closed, whether that was right, and where its mapping stage went.

All of it is read from the history of a run, of which the state of the method is a fold. Whether a
closing was wrong is judged by the truth: by the truly feasible configurations that the problem
knows, at most 1500 of a uniform sample, and its best one. A value that holds nothing feasible among
them is held for hopeless.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from itertools import pairwise

from deploytune.bench.search.problems import BenchProblem
from deploytune.contract.models import Scalar
from deploytune.search.history import FinishedTrial, Parameters
from deploytune.search.parameters import kind_of
from deploytune.search.space import Space
from deploytune.search.strategies.tba_paper import AnnealingState, Policy, Value, fold, values_of

FAR = 0.1
"""Regret by which a closed value must hold something better to count as far better."""


class Opening(StrEnum):
    """By what a closed value came back."""

    SCHEDULE = "schedule"
    SUCCESS = "success"
    HAND_OFF = "hand-off"
    NOTHING = "nothing"


@dataclass(frozen=True)
class Closing:
    """A value that was closed after so many trials, and open again after so many.

    `gain` is the regret of the run's answer less that of the best configuration that the value
    holds: above 0, closing it was wrong. `came_back`: it was tried again; `was_feasible`: a trial
    of it was then truly feasible; `bettered`: such a trial became the best of the run so far.
    """

    value: Value
    closed_after: int
    opened_after: int
    by: Opening
    gain: float
    is_hopeless: bool
    holds_best: bool
    came_back: bool
    was_feasible: bool
    bettered: bool

    @property
    def is_wrong(self) -> bool:
        """Whether it holds something better than what the run ended with."""
        return self.gain > 0


@dataclass(frozen=True)
class Course:
    """One run: its mapping stage and its closings.

    `better` are the values that hold something better than the run's answer, `hopeless` those that
    hold nothing feasible. `by_family` are the mapping stage's trials of each family, none where
    the problem has no families.
    """

    mapping_trials: int
    closings: tuple[Closing, ...]
    values: frozenset[Value]
    better: frozenset[Value]
    hopeless: frozenset[Value]
    by_family: Mapping[Scalar, int]
    best_family: Scalar | None

    @property
    def closed(self) -> frozenset[Value]:
        """The values that were closed at any time."""
        return frozenset(closing.value for closing in self.closings)


def course_of(bench: BenchProblem, trials: Sequence[FinishedTrial], policy: Policy) -> Course:
    """Return what a run of one trial at a time did, from its trials."""
    run = _Run(bench, tuple(trials), policy)
    gains = {value: run.gain(value) for value in _every_value(bench.problem.space)}
    return Course(
        run.mapped,
        tuple(run.closings()),
        frozenset(gains),
        frozenset(value for value, gain in gains.items() if gain > 0),
        frozenset(value for value, gain in gains.items() if gain == -math.inf),
        _by_family(bench, trials[: run.mapped]),
        bench.answer.best_family if bench.answer else None,
    )


@dataclass(frozen=True)
class _Run:
    """A run, and the truth about it; regret of what was not found, or is not there, is infinite."""

    bench: BenchProblem
    trials: tuple[FinishedTrial, ...]
    policy: Policy

    @cached_property
    def states(self) -> list[AnnealingState]:
        """After 0, 1, ... trials, the last one that of the hand-off or of the end."""
        states = []
        for count in range(len(self.trials) + 1):
            states.append(fold(self.bench.problem, self.trials[:count], self.policy))
            if states[-1].has_handed_off:
                break
        return states

    @property
    def mapped(self) -> int:
        """The trials of the mapping stage."""
        return len(self.states) - 1

    def gain(self, value: Value) -> float:
        """Return by how much the best of a value is better than the run's, -inf if it has none."""
        held = self._best_of.get(value, math.inf)
        return -math.inf if math.isinf(held) else min(self._found, default=math.inf) - held

    def closings(self) -> Iterator[Closing]:
        """Yield what was closed, in that order."""
        for before, after in pairwise(self.states):
            for value in after.closed:
                if after.is_closed(value) and not before.is_closed(value):
                    yield self._closing(value, after.trials)

    def _closing(self, value: Value, closed: int) -> Closing:
        still = range(closed, len(self.states))
        opened = next((n for n in still if not self.states[n].is_closed(value)), self.mapped)
        again = [n for n in range(opened, len(self.trials)) if self._holds(n, value)]
        answer, gain = self.bench.answer, self.gain(value)
        return Closing(
            value,
            closed,
            opened,
            self._opened_by(value, opened),
            gain,
            is_hopeless=gain == -math.inf,
            holds_best=answer is not None and value in values_of(self._space, answer.best),
            came_back=bool(again),
            was_feasible=any(self._found[n] < math.inf for n in again),
            bettered=any(self._found[n] < min(self._found[:n], default=math.inf) for n in again),
        )

    def _opened_by(self, value: Value, opened: int) -> Opening:
        if opened == self.mapped:
            handed_off = self.states[-1].has_handed_off
            return Opening.HAND_OFF if handed_off else Opening.NOTHING
        succeeded = not self.policy.is_failure(self.trials[opened - 1])
        by_success = succeeded and self._holds(opened - 1, value)
        return Opening.SUCCESS if by_success else Opening.SCHEDULE

    def _holds(self, place: int, value: Value) -> bool:
        return value in values_of(self._space, self.trials[place].parameters)

    @property
    def _space(self) -> Space:
        return self.bench.problem.space

    @cached_property
    def _found(self) -> list[float]:
        """The regret of every trial that was found feasible and truly is."""
        return [
            self._regret(trial.parameters) if trial.is_feasible else math.inf
            for trial in self.trials
        ]

    @cached_property
    def _best_of(self) -> dict[Value, float]:
        """The regret of the best configuration known of every value."""
        best: dict[Value, float] = {}
        answer = self.bench.answer
        for parameters in (*answer.feasible, answer.best) if answer else ():
            regret = self._regret(parameters)
            for value in values_of(self._space, parameters):
                best[value] = min(regret, best.get(value, math.inf))
        return best

    def _regret(self, parameters: Parameters) -> float:
        truth, answer = self.bench.system.truth(parameters), self.bench.answer
        if answer is None or truth.loss is None or not truth.feasible:
            return math.inf
        return answer.regret(truth.loss)


def _every_value(space: Space) -> list[Value]:
    return [
        (parameter.name, kind_of(level), level)
        for parameter in space.parameters
        if not parameter.is_numeric
        for level in (parameter.level(place) for place in range(parameter.count or 0))
    ]


def _by_family(bench: BenchProblem, trials: Sequence[FinishedTrial]) -> dict[Scalar, int]:
    if bench.family is None:
        return {}
    parameter = bench.problem.space[bench.family]
    levels = [parameter.level(place) for place in range(parameter.count or 0)]
    tried = [trial.parameters.get(bench.family) for trial in trials]
    return {level: tried.count(level) for level in levels}
