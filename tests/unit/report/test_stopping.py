"""What `deploytune stop` says."""

from __future__ import annotations

from typing import Any

import pytest
from builders import OBJECTIVE, a_finished_trial, a_trial, a_tuning

from deploytune.api.conditions import Condition, ConditionStatus
from deploytune.api.recorded import RecordedTuning
from deploytune.api.trial import Purpose
from deploytune.api.tuning import Answer, DeploymentTuning, TuningStatus
from deploytune.report.stopping import what_follows, why_nothing_to_stop

BEST = Answer(trial="tune-3", parameters={"size": 1}, metrics={OBJECTIVE: 1.0})
FINISHED = Condition(
    type="Finished", status=ConditionStatus.TRUE, reason="Converged", last_transition_time=""
)
TRIALS = (
    a_finished_trial(0),
    a_trial(1),
    a_trial(2),
    a_trial(3, purpose=Purpose.CONFIRM, confirms=0),
)


def with_status(tuning: DeploymentTuning | None = None, **status: Any) -> DeploymentTuning:
    return (tuning or a_tuning()).model_copy(update={"status": TuningStatus(**status)})


def test_what_follows_counts_the_trials_of_the_search_in_flight_and_names_the_best() -> None:
    assert what_follows(RecordedTuning(with_status(best=BEST), TRIALS, "here")) == (
        "tune stops: nothing more is tried; 2 trials in flight are ended and held against nothing; "
        "tune-3, the best so far, is confirmed 2 times"
    )


def test_without_confirmations_the_best_is_the_answer_as_it_is() -> None:
    tuning = with_status(a_tuning(confirmations=0), best=BEST)
    assert what_follows(RecordedTuning(tuning, (), "here")) == (
        "tune stops: nothing more is tried; tune-3, the best so far, is the answer, not confirmed"
    )


def test_a_suspended_tuning_says_what_it_waits_for() -> None:
    tuning = a_tuning(spec={"suspend": True})
    line = what_follows(RecordedTuning(tuning, (), "here"))
    assert line.endswith("it ends without an answer once spec.suspend is false")


@pytest.mark.parametrize(
    ("tuning", "is_stopped", "said"),
    [
        pytest.param(with_status(conditions=(FINISHED,)), True, "(Converged)", id="ended"),
        pytest.param(with_status(search_stage="Confirming"), False, "confirms", id="confirming"),
        pytest.param(
            a_tuning(metadata={"deletionTimestamp": "2026-01-01T00:00:00Z"}),
            False,
            "is being deleted",
            id="deleted",
        ),
        pytest.param(a_tuning(), True, "was stopped already", id="stopped"),
    ],
)
def test_what_need_not_be_stopped_says_why(
    tuning: DeploymentTuning, said: str, *, is_stopped: bool
) -> None:
    line = why_nothing_to_stop(tuning, is_stopped=is_stopped)
    assert line is not None
    assert said in line


def test_a_search_that_goes_on_is_to_be_stopped() -> None:
    assert why_nothing_to_stop(with_status(search_stage="Exploring"), is_stopped=False) is None
