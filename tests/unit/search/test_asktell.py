from __future__ import annotations

from typing import Any

import pytest
from search_builders import a_problem, a_small_space

from deploytune.contract.errors import InvalidTuningError
from deploytune.contract.limits import Limit
from deploytune.search import AskTell, Candidate
from deploytune.search.problem import Problem
from deploytune.search.stopping import StopReason

GOOD = {"latency_ms": 5.0, "throughput": 9.0}


def a_small_problem(max_trials: int = 1000) -> Problem:
    return a_problem(a_small_space(), max_trials=max_trials)


def ask(tuner: AskTell) -> Candidate:
    candidate = tuner.ask()
    assert candidate is not None
    return candidate


def test_a_search_asks_until_the_budget_is_spent_and_knows_the_best() -> None:
    tuner = AskTell(a_small_problem(max_trials=4))
    told = 0
    while (candidate := tuner.ask()) is not None:
        tuner.tell(candidate, "Feasible", {"latency_ms": 5, "throughput": told}, seconds=2.5)
        told += 1
    assert told == 4
    assert tuner.stop_reason is StopReason.BUDGET_EXHAUSTED
    assert tuner.best is not None
    assert (tuner.best.index, tuner.best.seconds) == (3, 2.5)


def test_several_candidates_may_be_out_and_are_told_in_any_order() -> None:
    tuner = AskTell(a_small_problem())
    first, second, third = ask(tuner), ask(tuner), ask(tuner)
    assert len({tuple(c.parameters.items()) for c in (first, second, third)}) == 3
    tuner.tell(third, "Crashed")
    tuner.tell(first, "TimedOut")
    assert [trial.index for trial in tuner.knowledge.finished] == [2, 0]
    assert [trial.index for trial in tuner.knowledge.in_flight] == [1]


def test_there_is_nothing_to_ask_for_when_the_whole_space_is_out() -> None:
    tuner = AskTell(a_small_problem())
    out = [ask(tuner) for _ in range(10)]
    assert tuner.ask() is None
    assert tuner.stop_reason is StopReason.SPACE_EXHAUSTED
    tuner.tell(out[4], "Infrastructure")
    again = ask(tuner)
    assert (again.index, again.parameters) == (10, out[4].parameters)


def test_an_infrastructure_failure_is_neither_told_nor_charged() -> None:
    tuner = AskTell(a_small_problem(max_trials=1))
    tuner.tell(ask(tuner), "Infrastructure")
    assert tuner.knowledge.finished == ()
    assert tuner.ask() is not None


@pytest.mark.parametrize(
    ("outcome", "metrics", "seconds", "message"),
    [
        ("Feasable", GOOD, 0.0, "outcome: must be one of Feasible, Infeasible, Crashed, TimedOut,"),
        ("Feasible", {**GOOD, "x": float("nan")}, 0.0, "metrics.x: must be a finite number, got"),
        ("Infeasible", {"x": float("inf")}, 0.0, "metrics.x: must be a finite number, got inf"),
        ("Infeasible", {"x": "1"}, 0.0, "metrics.x: must be a finite number, got '1'"),
        ("Infeasible", {"x": True}, 0.0, "metrics.x: must be a finite number, got True"),
        ("Crashed", {}, -1.0, "seconds: must be greater than or equal to 0, got -1.0"),
        ("Crashed", {}, float("nan"), "seconds: must be greater than or equal to 0, got nan"),
        ("Feasible", None, 0.0, "metrics.latency_ms: must be given when outcome is Feasible"),
        (
            "Feasible",
            {"latency_ms": 11.0, "throughput": 1.0},
            0.0,
            "metrics.latency_ms: must be less than or equal to 10 when outcome is Feasible, got 11",
        ),
        (
            "Feasible",
            {"latency_ms": 1.0},
            0.0,
            "metrics.throughput: must be given when outcome is Feasible",
        ),
    ],
)
def test_what_cannot_be_is_refused_in_one_line_and_changes_nothing(
    outcome: str, metrics: Any, seconds: float, message: str
) -> None:
    tuner = AskTell(a_small_problem())
    candidate = ask(tuner)
    with pytest.raises(InvalidTuningError) as refused:
        tuner.tell(candidate, outcome, metrics, seconds)
    assert str(refused.value).startswith(message)
    tuner.tell(candidate, "Feasible", GOOD)
    assert tuner.best is not None


def test_a_candidate_is_told_once() -> None:
    tuner = AskTell(a_small_problem())
    candidate = ask(tuner)
    tuner.tell(candidate, "Crashed")
    with pytest.raises(InvalidTuningError, match="candidate: may be told only once, got 0"):
        tuner.tell(candidate, "Crashed")


def test_a_candidate_of_another_tuner_is_refused() -> None:
    tuner, other = AskTell(a_small_problem()), AskTell(a_small_problem())
    ask(tuner)
    ask(other)
    for stranger in (ask(other), Candidate(0, ask(other).proposal)):
        with pytest.raises(InvalidTuningError, match="candidate: must come from this tuner's ask"):
            tuner.tell(stranger, "Crashed")


def test_a_missed_minimum_is_called_greater() -> None:
    tuner = AskTell(a_problem(a_small_space(), limits=(Limit(metric="accuracy", min=0.9),)))
    with pytest.raises(InvalidTuningError, match=r"must be greater than or equal to 0\.9 when"):
        tuner.tell(ask(tuner), "Feasible", {"accuracy": 0.5, "throughput": 1})
