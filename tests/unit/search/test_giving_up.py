"""When a search that finds nothing feasible is given up, and when it is not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from search_builders import LATENCY, a_choice, a_finished, a_float, a_problem

from deploytune.contract.limits import Limit
from deploytune.contract.models import Scalar
from deploytune.contract.outcomes import OutcomeKind
from deploytune.search.giving_up import (
    feasible_left_at_most,
    feasible_share_at_most,
)
from deploytune.search.history import FinishedTrial, InFlight, Knowledge
from deploytune.search.problem import Algorithm, Problem
from deploytune.search.space import Space
from deploytune.search.stopping import StopReason, stop_reason
from deploytune.search.strategies.tba import LEAST_HOPE

GIVEN_UP = StopReason.NO_FEASIBLE_CONFIGURATION
KINDS = ("a", "b", "c")


def a_search(
    trials: int,
    latency: Callable[[float], float],
    *,
    algorithm: Algorithm | None = None,
    limit: Limit | None = None,
) -> tuple[Problem, Knowledge]:
    """Three kinds, a number x tried evenly, a latency that depends on x alone; a limit of 10 ms."""
    problem = a_problem(
        Space((a_choice("kind", *KINDS), a_float("x", 0.0, 1.0))),
        algorithm=algorithm or Algorithm("TBA"),
        limits=(limit or Limit(metric=LATENCY, max=10),),
        max_trials=40,
    )
    return problem, Knowledge(tuple(missed(place, trials, latency) for place in range(trials)))


def missed(place: int, trials: int, latency: Callable[[float], float]) -> FinishedTrial:
    x = (place + 0.5) / trials
    parameters: dict[str, Scalar] = {"kind": KINDS[place % 3], "x": x}
    return a_finished(
        place, parameters, OutcomeKind.INFEASIBLE, latency_ms=latency(x), throughput=1.0
    )


def far_off(x: float) -> float:
    return 38.0 + 4.0 * x


def falling_towards_the_limit(x: float) -> float:
    return 22.0 - 11.9 * x


@pytest.mark.parametrize(
    ("trials", "share"),
    [(0, 1.0), (1, 0.95), (10, 0.259), (30, 0.095), (300, 0.00994)],
)
def test_the_share_that_may_be_feasible_falls_as_three_over_the_trials(
    trials: int, share: float
) -> None:
    assert share == pytest.approx(feasible_share_at_most(trials), abs=5e-4)


def test_a_limit_that_every_trial_misses_by_far_ends_the_search() -> None:
    problem, knowledge = a_search(14, far_off)
    assert stop_reason(problem, knowledge) is GIVEN_UP


def test_a_limit_that_is_almost_kept_keeps_the_search_going() -> None:
    problem, knowledge = a_search(14, falling_towards_the_limit)
    assert stop_reason(problem, knowledge) is None
    left = feasible_left_at_most(problem, knowledge)
    assert left is not None
    assert left > 0.5


def test_few_trials_end_nothing_however_far_off_they_are() -> None:
    problem, knowledge = a_search(9, far_off)
    assert stop_reason(problem, knowledge) is None
    assert feasible_left_at_most(problem, knowledge) is None


def test_what_was_feasible_once_is_reason_enough_to_go_on() -> None:
    problem, knowledge = a_search(14, far_off)
    first, *others = knowledge.finished
    found = replace(first, outcome=OutcomeKind.FEASIBLE, metrics={LATENCY: 9.0, "throughput": 1.0})
    assert stop_reason(problem, Knowledge((found, *others))) is None


def test_trials_that_all_crashed_say_nothing_of_the_limits_and_end_nothing() -> None:
    problem, knowledge = a_search(14, far_off)
    crashed = tuple(replace(t, outcome=OutcomeKind.CRASHED, metrics={}) for t in knowledge.finished)
    assert stop_reason(problem, Knowledge(crashed)) is None


@pytest.mark.parametrize(
    "algorithm",
    [
        pytest.param(Algorithm("TBA", {"hopelessBelow": 0}), id="told to go on to the end"),
        pytest.param(Algorithm("TBA", preset="Paper"), id="as published"),
        pytest.param(Algorithm("Random"), id="no models"),
    ],
)
def test_others_go_on_to_the_end_of_the_budget(algorithm: Algorithm) -> None:
    problem, knowledge = a_search(30, far_off, algorithm=algorithm)
    assert stop_reason(problem, knowledge) is None


def test_a_stricter_setting_waits_for_more_certainty() -> None:
    problem, knowledge = a_search(14, far_off)
    left = feasible_left_at_most(problem, knowledge)
    assert left is not None

    def ended_below(setting: float) -> StopReason | None:
        algorithm = Algorithm("TBA", {"hopelessBelow": setting})
        return stop_reason(replace(problem, algorithm=algorithm), knowledge)

    assert ended_below(left * 1.01) is GIVEN_UP
    assert ended_below(left) is None


def test_no_model_is_believed_to_the_last_digit() -> None:
    problem, knowledge = a_search(36, lambda x: 49.0 + x)
    assert feasible_left_at_most(problem, knowledge) == LEAST_HOPE


def test_the_same_history_leaves_the_same_hope() -> None:
    problem, knowledge = a_search(12, far_off)
    again = feasible_left_at_most(*a_search(12, far_off))
    assert feasible_left_at_most(problem, knowledge) == again


def test_configurations_that_were_asked_for_are_tried_all_the_same() -> None:
    problem, knowledge = a_search(14, far_off)
    wish: dict[str, Scalar] = {"kind": "b", "x": 0.123}
    wishing = replace(problem, initial=(wish,))
    assert stop_reason(wishing, knowledge) is None
    granted = (*knowledge.finished, replace(knowledge.finished[0], index=14, parameters=wish))
    assert stop_reason(wishing, Knowledge(granted)) is GIVEN_UP


def test_a_trial_in_flight_may_yet_be_the_one() -> None:
    problem, knowledge = a_search(14, far_off)
    flying = InFlight(14, {"kind": "a", "x": 0.3})
    paused = replace(knowledge, in_flight=(flying,))
    assert stop_reason(problem, paused) is GIVEN_UP
    found = FinishedTrial(14, flying.parameters, OutcomeKind.FEASIBLE, {LATENCY: 9.0})
    assert stop_reason(problem, Knowledge((*knowledge.finished, found))) is None


def test_a_limit_of_zero_is_missed_like_any_other() -> None:
    problem, knowledge = a_search(14, far_off, limit=Limit(metric="errors", max=0))
    failing = tuple(
        replace(trial, metrics={**trial.metrics, "errors": 40.0 + trial.index})
        for trial in knowledge.finished
    )
    assert stop_reason(problem, Knowledge(failing)) is GIVEN_UP


def test_the_only_configuration_is_tried_and_nothing_is_left() -> None:
    problem = a_problem(Space((a_choice("kind", "a"),)), algorithm=Algorithm("TBA"), max_trials=40)
    only = a_finished(0, {"kind": "a"}, OutcomeKind.INFEASIBLE, latency_ms=40.0)
    assert stop_reason(problem, Knowledge((only,))) is StopReason.SPACE_EXHAUSTED
