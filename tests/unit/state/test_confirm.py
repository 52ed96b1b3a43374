"""Which trial is the candidate, and what its confirmations make of it."""

from __future__ import annotations

import pytest
from builders import a_finished_trial, a_trial, a_tuning

from deploytune.api.translate import problem_of
from deploytune.api.trial import Purpose, TuningTrial
from deploytune.contract.outcomes import OutcomeKind
from deploytune.state.confirm import MAX_CANDIDATES, standing_candidate

PROBLEM = problem_of(a_tuning().spec)


def a_confirmation(
    index: int, confirms: int, outcome: OutcomeKind = OutcomeKind.FEASIBLE
) -> TuningTrial:
    return a_finished_trial(index, outcome, purpose=Purpose.CONFIRM, confirms=confirms)


def _name(*trials: TuningTrial) -> str | None:
    candidate = standing_candidate(PROBLEM, trials)
    return None if candidate is None else candidate.trial.metadata.name


def test_the_best_objective_among_feasible_trials_leads() -> None:
    trials = (
        a_finished_trial(0, throughput=5.0),
        a_finished_trial(1, throughput=9.0),
        a_finished_trial(2, OutcomeKind.INFEASIBLE, throughput=99.0),
        a_finished_trial(3, throughput=7.0),
    )
    assert "tune-1" == _name(*trials)


def test_the_baseline_may_win() -> None:
    assert "tune-0" == _name(a_finished_trial(0, purpose=Purpose.BASELINE))


def test_equals_are_told_apart_by_their_margin_then_by_who_was_first() -> None:
    near, far = a_finished_trial(0, memory=190.0), a_finished_trial(1, memory=50.0)
    again = a_finished_trial(2, memory=50.0)
    assert "tune-1" == _name(near, far, again)


def test_without_limits_the_first_of_equals_leads() -> None:
    problem = problem_of(a_tuning(memory_max=None).spec)
    trials = (a_finished_trial(1, completion_index=0), a_finished_trial(0, completion_index=1))
    candidate = standing_candidate(problem, trials)
    assert candidate is not None
    assert "tune-1" == candidate.trial.metadata.name


def test_nothing_feasible_is_no_candidate() -> None:
    assert None is _name(a_finished_trial(0, OutcomeKind.CRASHED), a_trial(1))


def test_a_feasible_trial_without_an_objective_is_no_candidate() -> None:
    assert None is _name(a_finished_trial(0, throughput=None))


@pytest.mark.parametrize(
    "outcome",
    [
        OutcomeKind.INFEASIBLE,
        OutcomeKind.CRASHED,
        OutcomeKind.TIMED_OUT,
        OutcomeKind.INVALID,
    ],
)
def test_a_confirmation_that_is_not_feasible_gives_the_place_to_the_next(
    outcome: OutcomeKind,
) -> None:
    best, next_best = a_finished_trial(0, throughput=9.0), a_finished_trial(1, throughput=8.0)
    confirmations = (a_confirmation(2, 0), a_confirmation(3, 0, outcome))
    assert "tune-1" == _name(best, next_best, *confirmations)


def test_a_confirmation_that_infrastructure_spoiled_says_nothing() -> None:
    spoiled = a_confirmation(1, 0, OutcomeKind.INFRASTRUCTURE)
    candidate = standing_candidate(PROBLEM, (a_finished_trial(0), spoiled))
    assert candidate is not None
    assert (0, 2) == (len(candidate.confirmed_by), candidate.missing(2))


def test_a_candidate_is_confirmed_when_all_its_confirmations_are_in() -> None:
    running = a_trial(2, purpose=Purpose.CONFIRM, confirms=0)
    one = standing_candidate(PROBLEM, (a_finished_trial(0), a_confirmation(1, 0), running))
    both = standing_candidate(
        PROBLEM, (a_finished_trial(0), a_confirmation(1, 0), a_confirmation(2, 0))
    )
    assert one is not None
    assert both is not None
    assert (0, False) == (one.missing(2), one.is_confirmed(2))
    assert (0, True) == (both.missing(2), both.is_confirmed(2))


def test_after_so_many_candidates_there_is_no_answer() -> None:
    found = [a_finished_trial(i, throughput=100.0 - i) for i in range(MAX_CANDIDATES + 1)]
    failed = [a_confirmation(100 + i, i, OutcomeKind.CRASHED) for i in range(MAX_CANDIDATES)]
    assert f"tune-{MAX_CANDIDATES - 1}" == _name(*found, *failed[:-1])
    assert None is _name(*found, *failed)
