from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from search_builders import a_choice, a_finished, a_float, a_problem, a_small_space

from deploytune.contract.errors import InvalidTuningError
from deploytune.contract.outcomes import OutcomeKind
from deploytune.search.history import InFlight, Knowledge
from deploytune.search.problem import Algorithm, Problem
from deploytune.search.space import Space
from deploytune.search.stopping import LEAST_TRIALS_TO_CONVERGE, StopReason, stop_reason

ALL = tuple(a_small_space().configurations())


def finished(count: int) -> Knowledge:
    return Knowledge(tuple(a_finished(place, ALL[place]) for place in range(count)))


def test_nothing_stops_a_search_with_budget_and_space_left() -> None:
    problem = a_problem(a_small_space())
    assert stop_reason(problem, finished(9)) is None


def test_a_spent_budget_ends_the_search() -> None:
    problem = a_problem(a_small_space(), max_trials=3)
    assert stop_reason(problem, finished(3)) is StopReason.BUDGET_EXHAUSTED


def test_a_space_tried_to_the_last_configuration_ends_the_search() -> None:
    problem = a_problem(a_small_space())
    assert stop_reason(problem, finished(10)) is StopReason.SPACE_EXHAUSTED


def test_the_budget_is_named_before_the_space() -> None:
    problem = a_problem(a_small_space(), max_trials=10)
    assert stop_reason(problem, finished(10)) is StopReason.BUDGET_EXHAUSTED


@pytest.mark.parametrize("max_trials", [3, 1000], ids=["budget", "space"])
def test_trials_in_flight_pause_the_search_without_ending_it(max_trials: int) -> None:
    problem = a_problem(a_small_space(), max_trials=max_trials)
    ended = finished(2).finished
    in_flight = tuple(InFlight(place, ALL[place]) for place in range(2, 10))
    knowledge = Knowledge(ended, in_flight)
    assert stop_reason(problem, knowledge) is not None
    assert stop_reason(problem, Knowledge(ended)) is None


def test_abandoned_configurations_use_up_the_space_but_not_the_budget() -> None:
    knowledge = Knowledge(finished(1).finished, abandoned=ALL[1:])
    problem = a_problem(a_small_space(), max_trials=2)
    assert stop_reason(problem, knowledge) is StopReason.SPACE_EXHAUSTED


def test_a_configuration_tried_twice_counts_once_for_the_space() -> None:
    twice = Knowledge((*finished(9).finished, a_finished(9, ALL[0])))
    assert stop_reason(a_problem(a_small_space()), twice) is None


def test_no_more_of_a_space_is_counted_than_was_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    """With many exclusions a whole count takes most of a second, at every pass."""
    walked: list[object] = []
    names = ("a", "b", "c")
    choices = tuple(a_choice(name, *range(20)) for name in names)
    excluded = tuple(dict.fromkeys(names, value) for value in range(20))
    problem = a_problem(Space(choices, excluded), max_trials=1000)
    walk = Space._walk

    def watched(*given: Any) -> Iterator[object]:
        for each in walk(*given):
            walked.append(each)
            yield each

    monkeypatch.setattr(Space, "_walk", watched)
    tried = Knowledge((a_finished(0, {"a": 0, "b": 0, "c": 1}),))

    assert stop_reason(problem, tried) is None
    assert 2 == len(walked)


def test_a_budget_of_nothing_is_refused() -> None:
    with pytest.raises(InvalidTuningError, match=r"^budget\.maxTrials: must be greater than or"):
        a_problem(max_trials=0)


def test_an_initial_configuration_that_may_not_be_tried_is_refused() -> None:
    with pytest.raises(InvalidTuningError, match=r"^searchSpace\.initial\[1\]\.threads: must be"):
        a_problem(a_small_space(), initial=(ALL[0], {**ALL[0], "threads": 9}))


def refining(trials: int, **settings: float) -> tuple[Problem, Knowledge]:
    """A number whose best value is 0.5, tried evenly: hardly anything is left to be gained."""
    space = Space((a_float("x", 0.0, 1.0),))
    algorithm = Algorithm("TBA", settings)
    problem = a_problem(space, algorithm=algorithm, limits=(), max_trials=100)
    shares = [(place + 0.5) / trials for place in range(trials)]
    tried = tuple(
        a_finished(place, {"x": x}, throughput=100.0 - 20.0 * (x - 0.5) ** 2)
        for place, x in enumerate(shares)
    )
    return problem, Knowledge(tried)


def test_a_search_that_can_gain_no_more_has_converged() -> None:
    problem, knowledge = refining(20, convergedBelow=0.01)
    assert stop_reason(problem, knowledge) is StopReason.CONVERGED


def test_without_the_setting_no_search_converges() -> None:
    problem, knowledge = refining(20)
    assert stop_reason(problem, knowledge) is None


def test_what_may_still_be_gained_keeps_the_search_going() -> None:
    problem, knowledge = refining(20, convergedBelow=1e-9)
    assert stop_reason(problem, knowledge) is None


def test_models_of_few_trials_end_nothing() -> None:
    problem, knowledge = refining(LEAST_TRIALS_TO_CONVERGE - 1, convergedBelow=0.5)
    assert stop_reason(problem, knowledge) is None


def test_a_search_without_a_feasible_trial_has_not_converged() -> None:
    problem, knowledge = refining(20, convergedBelow=0.5)
    crashed = tuple(replace(t, outcome=OutcomeKind.CRASHED) for t in knowledge.finished)
    assert stop_reason(problem, Knowledge(crashed)) is None
