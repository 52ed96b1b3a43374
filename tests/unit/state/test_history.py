"""The search's knowledge is a fold over the TuningTrials."""

from __future__ import annotations

from builders import MEMORY, OBJECTIVE, a_configuration, a_finished_trial, a_trial, a_tuning

from deploytune.api.translate import problem_of
from deploytune.api.trial import Purpose
from deploytune.contract.outcomes import OutcomeKind
from deploytune.search.history import InFlight
from deploytune.state.history import knowledge_of

PROBLEM = problem_of(a_tuning().spec)


def test_the_search_is_told_in_the_order_of_completion() -> None:
    trials = (
        a_finished_trial(0, completion_index=2, purpose=Purpose.BASELINE),
        a_finished_trial(1, OutcomeKind.CRASHED, completion_index=0, throughput=None, memory=None),
        a_finished_trial(2, OutcomeKind.TIMED_OUT, completion_index=1),
    )
    assert [1, 2, 0] == [trial.index for trial in knowledge_of(PROBLEM, trials).finished]


def test_a_told_trial_carries_values_and_cost() -> None:
    (told,) = knowledge_of(
        PROBLEM, (a_finished_trial(throughput=7.0, memory=8.0, seconds=9.0),)
    ).finished
    assert ({OBJECTIVE: 7.0, MEMORY: 8.0}, 9.0) == (told.metrics, told.seconds)


def test_unfinished_trials_are_in_flight() -> None:
    knowledge = knowledge_of(PROBLEM, (a_trial(3), a_trial(1)))
    expected = tuple(InFlight(index, a_configuration(level=index)) for index in (1, 3))
    assert expected == knowledge.in_flight


def test_spent_infrastructure_is_abandoned_and_not_told() -> None:
    knowledge = knowledge_of(PROBLEM, (a_finished_trial(1, OutcomeKind.INFRASTRUCTURE),))
    assert () == knowledge.finished
    assert (a_configuration(level=1),) == knowledge.abandoned
    assert 0 == knowledge.charged_trials


def test_confirmations_are_none_of_the_searchs_business() -> None:
    trials = (
        a_finished_trial(1, purpose=Purpose.CONFIRM, confirms=0),
        a_trial(2, purpose=Purpose.CONFIRM, confirms=0),
    )
    assert 0 == knowledge_of(PROBLEM, trials).charged_trials
