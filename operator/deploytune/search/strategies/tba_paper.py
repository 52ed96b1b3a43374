"""`TBA`, preset `Paper`: Thermal Budget Annealing as published (arXiv 2604.25073, Algorithm 1).

Annealing that looks for feasible regions first, then a constrained TPE that knows all trials. The
state (temperature, current point, elites, closed values) is a fold over the finished trials in the
order told; chance comes from the trial's index. Where the publication is silent, our reading:

- a failure that closes a value is a trial that never ran to a measurement; a measured one is a
  success;
- the energy is the violation while nothing is feasible, then the objective relative to the current
  one; temperature cools by 0.92 before the first feasible trial and by 0.95 after it;
- elites are the best three measured trials; a snap-back starts one proposal at the best of them.

The defaults and initial configurations count as trials like any other. Which part of the method is
at work when is a `Policy`: the product has the published one, DeployBench's ablations change it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import reduce
from itertools import chain

from deploytune.contract.models import Scalar
from deploytune.search.history import FinishedTrial, Knowledge, Parameters
from deploytune.search.neighbours import neighbour
from deploytune.search.parameters import kind_of
from deploytune.search.problem import Algorithm, Problem
from deploytune.search.proposals import Proposal, SearchStage
from deploytune.search.ranking import Rank, rank_of
from deploytune.search.seeds import Draw
from deploytune.search.space import Configuration, Space
from deploytune.search.strategies.optuna_bridge import build_tpe
from deploytune.search.strategies.strategy import Strategy

PAPER = "Paper"
"""The name of the preset."""

_FIRST_TEMPERATURE = 1.0
_COOLING_BEFORE_FEASIBLE = 0.92
_COOLING = 0.95
_REHEAT_FACTOR = 2.5
_REHEAT_CEILING = 0.8  # of the first temperature
_ELITES = 3
_RESTART_UNTIL = 0.7  # of the budget
_STRUCTURAL_FIRST, _STRUCTURAL_DROP = 0.5, 0.35
_MOVES = 32

Value = tuple[str, str, Scalar]
"""A value of a choice: parameter, kind, value."""


@dataclass(frozen=True)
class Policy:
    """When the parts of the method are at work, in trials; None means never.

    The mapping stage begins with `random_trials`. It ends after `map_at_most`, or earlier with so
    many trials, feasible ones, and others. The temperature rises after so many trials without a new
    best; moves start at an elite every so many trials, and at the best with the probability
    `snap_back`, which falls with the budget. A value is closed after `close_after` failures in a
    row, and opened again after `closed_for`.
    """

    random_trials: int = 5
    map_at_most: int | None = 15
    hand_off_trials: int | None = 5
    hand_off_feasible: int = 5
    hand_off_bad: int = 3
    reheat_after: int | None = 4
    restart_every: int | None = 12
    snap_back: float = 0.4
    close_after: int | None = 3
    closed_for: int | None = 8
    infeasible_is_failure: bool = False

    def ends_mapping(self, trials: int, feasible: int) -> bool:
        """Tell whether so many trials, so many of them feasible, are enough to hand off."""
        if self.map_at_most is not None and trials >= self.map_at_most:
            return True
        return (
            self.hand_off_trials is not None
            and trials >= self.hand_off_trials
            and feasible >= self.hand_off_feasible
            and trials - feasible >= self.hand_off_bad
        )

    def is_failure(self, trial: FinishedTrial) -> bool:
        """Tell whether a trial counts against the values that it had."""
        return not (trial.is_feasible if self.infeasible_is_failure else trial.was_measured)


PUBLISHED = Policy()
"""What the product runs."""


@dataclass(frozen=True)
class AnnealingState:
    """What the finished trials say; `closed` holds until which trial a value is not proposed."""

    policy: Policy = PUBLISHED
    trials: int = 0
    feasible: int = 0
    temperature: float = _FIRST_TEMPERATURE
    stale: int = 0
    current: FinishedTrial | None = None
    elites: tuple[FinishedTrial, ...] = ()
    failures: Mapping[Value, int] = field(default_factory=dict)
    closed: Mapping[Value, float] = field(default_factory=dict)

    @property
    def has_handed_off(self) -> bool:
        """Whether TPE proposes from here on; never turns back, since counts only grow."""
        return self.policy.ends_mapping(self.trials, self.feasible)

    def is_closed(self, value: Value) -> bool:
        """Tell whether a value is not to be proposed now."""
        return self.closed.get(value, 0) > self.trials


@dataclass(frozen=True)
class ThermalBudgetAnnealing:
    """The annealing, and the strategy that it hands off to."""

    successor: Strategy
    policy: Policy = PUBLISHED

    def propose(self, problem: Problem, knowledge: Knowledge, draw: Draw) -> Iterator[Proposal]:
        """Yield random configurations, neighbours, or what the successor proposes."""
        state = fold(problem, knowledge.finished[: self.policy.map_at_most], self.policy)
        if state.has_handed_off:
            for proposal in self.successor.propose(problem, knowledge, draw):
                yield replace(proposal, strategy="TBA", search_stage=SearchStage.EXPLOITING)
            return
        random_start = state.current is None or knowledge.charged_trials < self.policy.random_trials
        start = None if random_start else _start(state, problem, draw)
        why: dict[str, Scalar] = {
            "move": "Random" if start is None else "Neighbour",
            "temperature": round(state.temperature, 4),
        }
        for parameters in _open_moves(state, problem, draw, start):
            yield Proposal(parameters, "TBA", SearchStage.EXPLORING, why)


def build_paper() -> ThermalBudgetAnnealing:
    """Return the annealing with the paper's values, and TPE as it stands by default after it."""
    return ThermalBudgetAnnealing(build_tpe(Algorithm("TPE")))


def fold(
    problem: Problem, finished: tuple[FinishedTrial, ...], policy: Policy = PUBLISHED
) -> AnnealingState:
    """Return the state after the finished trials, in the order told."""

    def after(state: AnnealingState, trial: FinishedTrial) -> AnnealingState:
        return _after(problem, state, trial)

    return reduce(after, finished, AnnealingState(policy))


def structural_probability(
    trials: int, max_trials: int, random_trials: int = PUBLISHED.random_trials
) -> float:
    """Return how often a move changes a choice instead of a number."""
    span = max(max_trials - random_trials, 1)
    return _STRUCTURAL_FIRST - _STRUCTURAL_DROP * min(max(trials - random_trials, 0) / span, 1.0)


def _after(problem: Problem, state: AnnealingState, trial: FinishedTrial) -> AnnealingState:
    counted = replace(
        state,
        trials=state.trials + 1,
        feasible=state.feasible + trial.is_feasible,
        current=trial if _accepts(problem, state, trial) else state.current,
    )
    closed = _with_failures(problem.space, counted, trial)
    cooled = _with_temperature(problem, closed, trial)
    return _with_restart(problem, cooled, trial)


def _accepts(problem: Problem, state: AnnealingState, trial: FinishedTrial) -> bool:
    """Metropolis, with two hard rules: no crash, and nothing infeasible after a feasible one."""
    if not trial.was_measured or (state.feasible and not trial.is_feasible):
        return False
    current = state.current
    if current is None or (trial.is_feasible and not current.is_feasible):
        return True
    worse_by = _energy_difference(rank_of(problem, current), rank_of(problem, trial))
    if worse_by <= 0:
        return True
    chance = Draw(problem.algorithm.seed, trial.index).rng("accept").random()
    return chance < math.exp(-worse_by / state.temperature)


def _energy_difference(current: Rank, new: Rank) -> float:
    if current[0] > 0 or math.isinf(current[1]):
        return new[0] - current[0]
    return (new[1] - current[1]) / max(abs(current[1]), 1e-12)


def _with_temperature(
    problem: Problem, state: AnnealingState, trial: FinishedTrial
) -> AnnealingState:
    """Cool on a new best, reheat after too long without one."""
    elites, is_best = _with_elite(problem, state.elites, trial)
    if is_best:
        cooling = _COOLING if state.feasible else _COOLING_BEFORE_FEASIBLE
        return replace(state, elites=elites, stale=0, temperature=state.temperature * cooling)
    reheat_after = state.policy.reheat_after
    if reheat_after is None or state.stale + 1 < reheat_after:
        return replace(state, elites=elites, stale=state.stale + 1)
    ceiling = _REHEAT_CEILING * _FIRST_TEMPERATURE
    warmer = min(_REHEAT_FACTOR * state.temperature, ceiling)
    return replace(state, elites=elites, stale=0, temperature=warmer)


def _with_elite(
    problem: Problem, elites: tuple[FinishedTrial, ...], trial: FinishedTrial
) -> tuple[tuple[FinishedTrial, ...], bool]:
    if not trial.was_measured:
        return elites, False
    ranked = sorted((*elites, trial), key=lambda elite: rank_of(problem, elite))[:_ELITES]
    return tuple(ranked), ranked[0] is trial


def _with_restart(problem: Problem, state: AnnealingState, trial: FinishedTrial) -> AnnealingState:
    every = state.policy.restart_every
    early = state.trials < _RESTART_UNTIL * problem.max_trials
    if every is None or state.trials % every or not early or not state.elites:
        return state
    rng = Draw(problem.algorithm.seed, trial.index).rng("restart")
    return replace(state, current=rng.choice(state.elites))


def _with_failures(space: Space, state: AnnealingState, trial: FinishedTrial) -> AnnealingState:
    """Count failures in a row per value; close those with too many, never a parameter's last."""
    policy = state.policy
    if policy.close_after is None:
        return state
    failures, closed = dict(state.failures), dict(state.closed)
    until = math.inf if policy.closed_for is None else state.trials + policy.closed_for
    failed = policy.is_failure(trial)
    for value in values_of(space, trial.parameters):
        failures[value] = failures.get(value, 0) + 1 if failed else 0
        if not failed:
            closed.pop(value, None)
        elif failures[value] >= policy.close_after and _others_are_open(space, state, value):
            failures[value] = 0
            closed[value] = until
    return replace(state, failures=failures, closed=closed)


def _others_are_open(space: Space, state: AnnealingState, value: Value) -> bool:
    parameter = space[value[0]]
    levels = (parameter.level(place) for place in range(parameter.count or 0))
    all_values = [(parameter.name, kind_of(level), level) for level in levels]
    return any(other != value and not state.is_closed(other) for other in all_values)


def values_of(space: Space, parameters: Parameters) -> list[Value]:
    """Return the values of the choices of a configuration: what can be closed."""
    return [
        (name, kind_of(value), value)
        for name, value in space.normalised(parameters).items()
        if not space[name].is_numeric
    ]


def _start(state: AnnealingState, problem: Problem, draw: Draw) -> FinishedTrial | None:
    """Return where the next move starts: the current point, or at times the best one."""
    snap_back = state.policy.snap_back * (1 - state.trials / problem.max_trials)
    if state.elites and draw.rng("snap-back").random() < snap_back:
        return state.elites[0]
    return state.current


def _open_moves(
    state: AnnealingState, problem: Problem, draw: Draw, start: FinishedTrial | None
) -> Iterator[Configuration]:
    """Yield moves that are not excluded and take no closed value, random ones at last."""
    for moved in chain(_neighbours(state, problem, draw, start), _randoms(problem, draw)):
        if problem.space.is_excluded(moved):
            continue
        if not any(state.is_closed(value) for value in values_of(problem.space, moved)):
            yield moved


def _neighbours(
    state: AnnealingState, problem: Problem, draw: Draw, start: FinishedTrial | None
) -> Iterator[Configuration]:
    if start is None:
        return
    rng = draw.rng("move")
    structural = structural_probability(
        state.trials, problem.max_trials, state.policy.random_trials
    )
    for _ in range(_MOVES):
        yield neighbour(problem.space, start.parameters, rng, structural)


def _randoms(problem: Problem, draw: Draw) -> Iterator[Configuration]:
    rng = draw.rng("random")
    for _ in range(_MOVES):
        yield problem.space.completed({}, rng)
