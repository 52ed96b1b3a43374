"""What a strategy does not propose for a while, as anybody can ask."""

from __future__ import annotations

from search_builders import a_choice, a_finished, a_problem, an_integer

from deploytune.contract.outcomes import OutcomeKind
from deploytune.search.closings import ClosedValue, closed_over_time, closed_values
from deploytune.search.history import Knowledge
from deploytune.search.problem import Algorithm
from deploytune.search.space import Space

SPACE = Space((a_choice("backend", "a", "b", "c"), an_integer("size", 1, 40)))
PAPER = Algorithm("TBA", preset="Paper")


def closed_after(crashes: int, measured: int = 0, algorithm: Algorithm = PAPER) -> list[object]:
    """What is closed after so many crashes of one backend, then trials of another."""
    trials = [
        a_finished(index, {"backend": "a", "size": index + 1}, OutcomeKind.CRASHED)
        for index in range(crashes)
    ] + [
        a_finished(
            index, {"backend": "b", "size": index + 1}, OutcomeKind.INFEASIBLE, latency_ms=50
        )
        for index in range(crashes, crashes + measured)
    ]
    problem = a_problem(SPACE, algorithm=algorithm, max_trials=40)
    return [*closed_values(problem, Knowledge(tuple(trials)))]


def test_what_failed_three_times_in_a_row_is_closed_for_eight_trials_and_says_why() -> None:
    closed = ClosedValue("backend", "a", failures=3, until=11)
    assert [] == closed_after(2)
    assert [closed] == closed_after(3)
    assert [closed] == closed_after(3, measured=7)
    assert [] == closed_after(3, measured=8)


def test_nothing_is_closed_after_the_hand_off() -> None:
    assert [] == closed_after(3, measured=12)


def test_the_default_closes_nothing() -> None:
    assert [] == closed_after(9, algorithm=Algorithm("TBA"))


def test_over_time_it_is_what_was_closed_after_each_trial_until_the_hand_off() -> None:
    trials = [
        a_finished(index, {"backend": "a", "size": index + 1}, OutcomeKind.CRASHED)
        for index in range(20)
    ]
    problem = a_problem(SPACE, algorithm=PAPER, max_trials=40)
    moments = [*closed_over_time(problem, Knowledge(tuple(trials)))]
    assert moments[:15] == [
        closed_values(problem, Knowledge(tuple(trials[:count]))) for count in range(15)
    ]
    assert [()] == moments[15:]
