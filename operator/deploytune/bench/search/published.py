"""The two synthetic problems published with Thermal Budget Annealing (arXiv 2604.25073).

The numbers are those of the code published with the paper. Crashy Branin: three modes that shift
the function, a penalty of a tenth per unit of resolution, two crash zones, two linear limits.
Hierarchical Rosenbrock: the mode says how many numbers there are, one crash zone, one limit.

Our reading, where the publication is silent:

- its comments state Branin's limits as 14 and 8, its code has 16 and 10: we follow the code;
- its Rosenbrock adds, as noise, up to 1/iterations by a hash that differs between processes: here
  it is drawn, and the truth is without it;
- a trial costs one second, a crash a tenth of it: no costs are published;
- in both, every mode reaches the same optimum, so no mode is the best one: a discovery is a regret
  of at most 0.1. Regret is of log(1 + loss - optimum), since Rosenbrock's loss spans six decades.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from random import Random
from typing import Protocol

from deploytune.bench.search.answers import find_answer
from deploytune.bench.search.chance import chance
from deploytune.bench.search.problems import MOST_TRIALS, BenchProblem, Ending, System, Truth
from deploytune.contract.limits import Limit
from deploytune.contract.metrics import Direction
from deploytune.contract.models import Scalar
from deploytune.contract.outcomes import OutcomeKind
from deploytune.search.history import Parameters
from deploytune.search.parameters import Parameter, ParameterType
from deploytune.search.problem import Constraint, Objective, Problem
from deploytune.search.space import Space

_VALUE = "value"
_OBJECTIVE = Objective(_VALUE, Direction.MAXIMIZE)
_SECONDS, _CRASH_SECONDS = 1.0, 0.1
_SAMPLE = 3000
_SHIFTS = {"A": 0.0, "B": 2.0, "C": -2.0}
_EXTENDED, _FULL = "extended", "full"
BRANIN_OPTIMUM = 0.397887357729738 + 0.1


class _Function(Protocol):
    """A published function: None where it crashes."""

    def __call__(self, parameters: Parameters) -> dict[str, float] | None:
        """Return value and limited metrics."""
        ...


@dataclass(frozen=True)
class Published:
    """A system given by a function of the parameters; `noise` is subtracted from its value."""

    problem: Problem
    function: _Function
    optimum: float
    noisy: bool

    def outcome(self, parameters: Parameters, rng: Random) -> Ending:
        """Try a configuration."""
        metrics = self.function(parameters)
        if metrics is None:
            return Ending(OutcomeKind.CRASHED, {}, _CRASH_SECONDS)
        if self.noisy:
            metrics[_VALUE] -= rng.random() / _number(parameters, "iterations")
        kind = OutcomeKind.FEASIBLE if self._is_kept(metrics) else OutcomeKind.INFEASIBLE
        return Ending(kind, metrics, _SECONDS)

    def truth(self, parameters: Parameters) -> Truth:
        """Return whether the limits are kept, and log(1 + distance to the optimum)."""
        metrics = self.function(parameters)
        if metrics is None:
            return Truth(feasible=False, loss=None)
        distance = max(-metrics[_VALUE] - self.optimum, 0.0)
        return Truth(self._is_kept(metrics), math.log1p(distance))

    def _is_kept(self, metrics: Mapping[str, float]) -> bool:
        limits = (constraint.limit for constraint in self.problem.constraints)
        return all(limit.is_met_by(metrics[limit.metric]) for limit in limits)


def crashy_branin(seed: int) -> BenchProblem:
    """Return the problem; the seed only names the run."""
    space = Space(
        (
            _mode("A", "B", "C"),
            _float("x1", 0, 15),
            _float("x2", 0, 15),
            _integer("resolution", 1, 10),
        )
    )
    problem = _problem(space, {"g1": 16.0, "g2": 10.0})
    system = Published(problem, branin_metrics, BRANIN_OPTIMUM, noisy=False)
    return _with_answer("branin", seed, problem, system)


def hierarchical_rosenbrock(seed: int) -> BenchProblem:
    """Return the problem; the seed only names the run."""
    space = Space(
        (
            _mode("simple", _EXTENDED, _FULL),
            _float("x1", -5, 5),
            _float("x2", -5, 5),
            _float("x3", -5, 5, _EXTENDED, _FULL),
            _float("x4", -5, 5, _EXTENDED, _FULL),
            _float("x5", -5, 5, _FULL),
            _integer("iterations", 1, 20),
        )
    )
    problem = _problem(space, {"sum": 5.0})
    system = Published(problem, rosenbrock_metrics, 0.0, noisy=True)
    return _with_answer("rosenbrock", seed, problem, system)


def branin_metrics(parameters: Parameters) -> dict[str, float] | None:
    """Return Crashy Branin's value and its two sums, None where it crashes."""
    x1, x2 = _number(parameters, "x1"), _number(parameters, "x2")
    resolution, mode = _number(parameters, "resolution"), str(parameters["mode"])
    crashes = (mode == "C" and x1 > 8) or (resolution > 7 and x2 > 12)  # noqa: PLR2004
    if crashes:
        return None
    value = _branin(x1 + _SHIFTS[mode], x2) + resolution / 10
    return {_VALUE: -value, "g1": x1 + x2 - 16, "g2": 2 * x2 - x1 - 10}


def rosenbrock_metrics(parameters: Parameters) -> dict[str, float] | None:
    """Return Hierarchical Rosenbrock's value and its sum, None where it crashes."""
    numbers = [_number(parameters, name) for name in sorted(parameters) if name[0] == "x"]
    if parameters["mode"] == _FULL and numbers[0] > 3 and numbers[-1] > 3:  # noqa: PLR2004
        return None
    pairs = pairwise(numbers)
    value = sum(100 * (after - x**2) ** 2 + (1 - x) ** 2 for x, after in pairs)
    return {_VALUE: -value, "sum": sum(numbers) - 5}


def _branin(x1: float, x2: float) -> float:
    bend = x2 - 5.1 / (4 * math.pi**2) * x1**2 + 5 / math.pi * x1 - 6
    return bend**2 + 10 * (1 - 1 / (8 * math.pi)) * math.cos(x1) + 10


def _problem(space: Space, limited: Mapping[str, float]) -> Problem:
    """Return the problem; limits are at 0, and the constant that moved them there is the scale."""
    constraints = (Constraint(Limit(metric=name, max=0.0), at) for name, at in limited.items())
    return Problem(space, _OBJECTIVE, tuple(constraints), MOST_TRIALS)


def _with_answer(name: str, seed: int, problem: Problem, system: System) -> BenchProblem:
    rng = chance("published", name)
    drawn = [problem.space.completed({}, rng) for _ in range(_SAMPLE)]
    told = [(system.truth(parameters), parameters) for parameters in drawn]
    feasible = [(truth.loss, one) for truth, one in told if truth.feasible and truth.loss]
    answer, _ = find_answer(problem.space, system.truth, feasible, None, rng)
    exact = replace(answer, best_loss=0.0)
    return BenchProblem(name, seed, problem, None, system, exact, len(feasible) / _SAMPLE)


def _mode(*values: str) -> Parameter:
    return Parameter("mode", ParameterType.CATEGORICAL, values=values)


def _float(name: str, low: float, high: float, *modes: str) -> Parameter:
    when: dict[str, tuple[Scalar, ...]] = {"mode": modes} if modes else {}
    return Parameter(name, ParameterType.FLOAT, minimum=low, maximum=high, when=when)


def _integer(name: str, low: float, high: float) -> Parameter:
    return Parameter(name, ParameterType.INTEGER, minimum=low, maximum=high)


def _number(parameters: Parameters, name: str) -> float:
    value = parameters[name]
    assert not isinstance(value, str)
    return float(value)
