"""Ways to spend confirmations, on searches whose truth is known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from random import Random

import pytest
from bench_builders import a_bench_problem
from search_builders import a_choice

from deploytune.bench.search.confirming import IN_TURN, RULES, Shortlist, judge
from deploytune.bench.search.confirming_table import table_of, verdicts_on
from deploytune.bench.search.problems import BenchProblem, Ending, Truth
from deploytune.contract.outcomes import OutcomeKind
from deploytune.search.history import FinishedTrial, Parameters
from deploytune.search.space import Space

OVERTAKEN = "best mean of 3, when overtaken"
EACH_ONCE = "best mean of 3, each once"


@dataclass(frozen=True)
class Accuracies:
    """Measured again, every configuration shows its true accuracy; one below 0.5 is infeasible."""

    truths: Mapping[str, float]

    def outcome(self, parameters: Parameters, _rng: Random) -> Ending:
        accuracy = self.truths[str(parameters["name"])]
        kind = OutcomeKind.FEASIBLE if accuracy >= 0.5 else OutcomeKind.INFEASIBLE
        return Ending(kind, {"accuracy": accuracy, "size": 1.0}, 1.0)

    def truth(self, parameters: Parameters) -> Truth:
        accuracy = self.truths[str(parameters["name"])]
        return Truth(accuracy >= 0.5, -accuracy)


def a_search(**measured_and_true: tuple[float, float]) -> tuple[BenchProblem, list[FinishedTrial]]:
    """A finished search: what it measured of each configuration, and what is true of it."""
    names = tuple(measured_and_true)
    bench = a_bench_problem()
    bench = replace(
        bench,
        problem=replace(bench.problem, space=Space((a_choice("name", *names),))),
        system=Accuracies({name: true for name, (_, true) in measured_and_true.items()}),
    )
    trials = [
        FinishedTrial(
            index, {"name": name}, OutcomeKind.FEASIBLE, {"accuracy": measured, "size": 1.0}
        )
        for index, (name, (measured, _)) in enumerate(measured_and_true.items())
    ]
    return bench, trials


def answered(rule: str, **search: tuple[float, float]) -> tuple[str | None, int]:
    """Return the name of a rule's answer, and how many measurements it took."""
    bench, trials = a_search(**search)
    shortlist = Shortlist.of(bench, trials, Random(0))
    place = RULES[rule](shortlist)
    name = None if place is None else str(shortlist.trials[place].parameters["name"])
    return name, shortlist.measurements


@pytest.mark.parametrize("rule", [IN_TURN, OVERTAKEN])
def test_what_is_well_ahead_is_confirmed_alone(rule: str) -> None:
    assert ("best", 3) == answered(rule, best=(0.9, 0.88), second=(0.8, 0.8), third=(0.7, 0.7))


def test_in_turn_the_lucky_one_wins_if_it_is_feasible() -> None:
    assert ("lucky", 3) == answered(IN_TURN, lucky=(0.9, 0.7), sound=(0.8, 0.8))


def test_by_the_best_mean_whoever_was_overtaken_loses() -> None:
    assert ("sound", 4) == answered(OVERTAKEN, lucky=(0.9, 0.7), sound=(0.8, 0.8))


def test_with_each_once_all_contenders_are_measured_first() -> None:
    search = {"a": (0.9, 0.9), "b": (0.8, 0.8), "c": (0.7, 0.7), "d": (0.6, 0.6)}
    assert ("a", 5) == answered(EACH_ONCE, **search)


def test_only_so_many_may_contend() -> None:
    search = {"a": (0.9, 0.6), "b": (0.89, 0.59), "c": (0.88, 0.58), "d": (0.87, 0.87)}
    assert ("a", 5) == answered(OVERTAKEN, **search)


@pytest.mark.parametrize("rule", RULES)
def test_one_that_is_not_feasible_again_is_out(rule: str) -> None:
    name, _ = answered(rule, lucky=(0.9, 0.4), sound=(0.8, 0.8))
    assert "sound" == name


@pytest.mark.parametrize("rule", RULES)
def test_where_all_are_out_there_is_no_answer(rule: str) -> None:
    assert (None, 2) == answered(rule, a=(0.9, 0.4), b=(0.8, 0.3))


def test_regret_is_that_of_the_truth() -> None:
    bench, trials = a_search(lucky=(0.9, 0.6), sound=(0.85, 0.8))
    usual, best = judge(RULES[IN_TURN], bench, trials, 2), judge(RULES[OVERTAKEN], bench, trials, 2)
    assert usual is not None
    assert best is not None
    assert pytest.approx(0.5) == usual.regret
    assert pytest.approx(0.0) == best.regret


def test_a_search_that_found_nothing_is_judged_by_nobody() -> None:
    bench, trials = a_search(a=(0.9, 0.9))
    crashed = [replace(trials[0], outcome=OutcomeKind.CRASHED, metrics={})]
    assert judge(RULES[IN_TURN], bench, crashed, 2) is None


def test_the_table_compares_every_rule_with_the_usual_one() -> None:
    bench, trials = a_search(a=(0.9, 0.6), b=(0.85, 0.8), c=(0.5, 0.5))
    by_key = verdicts_on(bench, trials, 1)
    lines = table_of({key: {0: verdict} for key, verdict in by_key.items()}).splitlines()
    rows = {tuple(line.split(" | ")[:2]): line for line in lines}
    assert "| -0.5000 [-0.5000, -0.5000] |" in rows[f"| {OVERTAKEN}", "3"]
    assert "| +0.0000 [+0.0000, +0.0000] |" in rows[f"| {IN_TURN}", "3"]
    assert {"1", "2", "3"} == {trials for _, trials in list(rows)[2:]}
