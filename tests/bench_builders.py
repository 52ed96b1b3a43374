"""Rows and a small problem with a known truth, for tests of DeployBench."""

from __future__ import annotations

from dataclasses import dataclass, replace
from random import Random

from search_builders import a_choice

from deploytune.bench.search.problems import Answer, BenchProblem, Ending, Truth
from deploytune.bench.search.runs import Plan, Row
from deploytune.contract.limits import Limit
from deploytune.contract.metrics import Direction
from deploytune.contract.outcomes import OutcomeKind
from deploytune.search.history import FinishedTrial, Parameters
from deploytune.search.problem import Constraint, Objective, Problem
from deploytune.search.space import Space

LUCKY, SOUND, CRASHING = {"family": "lucky"}, {"family": "sound"}, {"family": "crashing"}
SECONDS = {"lucky": 5.0, "sound": 3.0, "crashing": 1.0}


@dataclass(frozen=True)
class ThreeFamilies:
    """`sound` is feasible, `lucky` is not but always looks so and better, `crashing` crashes."""

    def outcome(self, parameters: Parameters, _rng: Random) -> Ending:
        family = str(parameters["family"])
        if family == "crashing":
            return Ending(OutcomeKind.CRASHED, {}, SECONDS[family])
        accuracy = 0.9 if family == "lucky" else 0.8
        return Ending(OutcomeKind.FEASIBLE, {"accuracy": accuracy, "size": 1.0}, SECONDS[family])

    def truth(self, parameters: Parameters) -> Truth:
        losses = {"lucky": -0.9, "sound": -0.8}
        family = str(parameters["family"])
        return Truth(family == "sound", losses.get(family))


def a_bench_problem() -> BenchProblem:
    space = Space((a_choice("family", "lucky", "sound", "crashing"),))
    limit = Constraint(Limit(metric="size", max=1.0))
    problem = Problem(space, Objective("accuracy", Direction.MAXIMIZE), (limit,), 60)
    answer = Answer(SOUND, -0.8, -0.4, "sound", (SOUND,))
    return BenchProblem("three", 0, problem, "family", ThreeFamilies(), answer, 1 / 3)


class Scripted:
    """A session that proposes what it is given, and remembers what it is told."""

    def __init__(self, *script: Parameters) -> None:
        self._script = script
        self.told: list[FinishedTrial] = []

    def ask(self, index: int) -> Parameters | None:
        return self._script[index] if index < len(self._script) else None

    def tell(self, trial: FinishedTrial) -> None:
        self.told.append(trial)


def a_plan(
    problem_class: str = "pairs", seed: int = 0, strategy: str = "random", budget: int = 3
) -> Plan:
    return Plan(problem_class, seed, strategy, 1, budget)


def a_row(plan: Plan | None = None, *, first: int = 2) -> Row:
    """A row of three trials of 1, 2 and 3 seconds, the first feasible one at `first`."""
    found = tuple(place + 1 >= first for place in range(3))
    return Row(
        plan or a_plan(),
        regret=tuple(0.25 if one else 1.0 for one in found),
        discovered=found,
        feasible=found,
        wasted=tuple(not one for one in found),
        seconds=(1.0, 2.0, 3.0),
        ask_ms=(1.0, 2.0),
    )


def without_ask_times(row: Row) -> Row:
    return replace(row, ask_ms=(0.0, 0.0))
