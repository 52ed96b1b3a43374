from __future__ import annotations

from collections.abc import Sequence

import pytest
from builders import EPOCH

from deploytune.api.conditions import (
    ConditionStatus,
    ConditionType,
    Reason,
    Said,
    set_condition,
)
from deploytune.api.tuning import Answer, Metadata, TuningStatus
from deploytune.api.tuning_status import ClosedSubspace
from deploytune.contract.errors import InvalidTuningError
from deploytune.observability.event_objects import event_object
from deploytune.observability.events import Event, events_between
from deploytune.state.failures import reconcile_failed, refused_spec

START = "2026-01-01T00:00:00.000Z"
RUNNING = TuningStatus(start_time=START)


def test_a_status_that_stays_as_it_is_gives_no_event() -> None:
    status = degraded(RUNNING, Reason.IMAGE_UNAVAILABLE, "no such image")

    assert () == events_between(status, status)


def test_the_first_status_says_that_the_tuning_has_started() -> None:
    assert ["Started"] == reasons(None, RUNNING)


def test_what_is_to_be_mended_is_a_warning_in_the_words_of_the_condition() -> None:
    after = degraded(RUNNING, Reason.IMAGE_UNAVAILABLE, "no such image")

    assert (Event("ImageUnavailable", "no such image", is_warning=True),) == events_between(
        RUNNING, after
    )


def test_another_thing_to_mend_is_another_warning() -> None:
    before = degraded(RUNNING, Reason.IMAGE_UNAVAILABLE, "no such image")
    after = degraded(RUNNING, Reason.POD_REFUSED, "quota")

    assert ["PodRefused"] == reasons(before, after)


def test_what_is_mended_is_told_once_and_is_no_warning() -> None:
    before = degraded(RUNNING, Reason.IMAGE_UNAVAILABLE, "no such image")
    after = with_condition(
        before, ConditionType.DEGRADED, ConditionStatus.FALSE, Reason.AS_EXPECTED
    )

    assert (Event("Recovered", "over: ImageUnavailable"),) == events_between(before, after)


def test_what_is_foreseen_is_a_warning_once() -> None:
    before, after = foreseen(RUNNING, "no node"), foreseen(RUNNING, "no claim")

    assert ["Started", "PreflightWarns"] == reasons(None, before)
    assert () == events_between(before, before)
    assert (Event("PreflightWarns", "no claim", is_warning=True),) == events_between(before, after)


def test_what_was_foreseen_and_is_over_is_no_event() -> None:
    running = with_condition(
        RUNNING, ConditionType.PROGRESSING, ConditionStatus.TRUE, Reason.RUNNING, "waits"
    )
    assert () == events_between(foreseen(RUNNING, "no node"), running)


def test_a_pass_that_threw_is_a_warning_with_what_it_threw() -> None:
    after = reconcile_failed(RUNNING, ValueError("odd"), 1, EPOCH)

    assert (Event("ReconcileFailed", "ValueError: odd", is_warning=True),) == events_between(
        RUNNING, after
    )


def test_the_first_feasible_configuration_and_each_better_one_is_told() -> None:
    first, better = with_best("tune-3"), with_best("tune-7")

    assert ["FeasibleFound"] == reasons(RUNNING, first)
    assert ["NewBest"] == reasons(first, better)
    assert "tune-7 on a10: size=3" == events_between(first, better)[0].message


def test_new_figures_of_the_same_best_are_no_event() -> None:
    before = with_best("tune-3")
    assert before.best is not None
    after = before.replace(best=before.best.replace(confirmations=1))

    assert [] == reasons(before, after)


def test_each_stage_that_the_search_enters_is_told_but_not_its_first() -> None:
    exploring, exploiting, confirming = (
        RUNNING.replace(search_stage=stage) for stage in ("Exploring", "Exploiting", "Confirming")
    )

    assert [] == reasons(RUNNING, exploring)
    assert ["Exploiting"] == reasons(exploring, exploiting)
    assert ["Exploring"] == reasons(exploiting, exploring)
    assert ["Confirming"] == reasons(exploiting, confirming)
    assert ["Confirming"] == reasons(RUNNING, confirming)
    assert [] == reasons(confirming, confirming.replace(search_stage=None))


def test_a_search_that_is_stopped_is_told_once() -> None:
    stopping = with_condition(
        RUNNING, ConditionType.PROGRESSING, ConditionStatus.TRUE, Reason.STOPPING
    )

    assert ["Stopping"] == reasons(RUNNING, stopping)
    assert [] == reasons(stopping, stopping.replace(trials=3))


def test_a_value_that_is_closed_and_one_that_is_open_again_are_told_with_why() -> None:
    fp8, fp16 = (
        ClosedSubspace(parameter="precision", value=value, failures=3, until_trials=17)
        for value in ("fp8", "fp16")
    )
    before = RUNNING.replace(closed_subspaces=(fp16,))

    told = events_between(before, before.replace(closed_subspaces=(fp8,)))

    assert (
        Event(
            "SubspaceClosed",
            "precision=fp8 is not proposed until 17 trials have ended: "
            "3 trials in a row with it failed",
        ),
        Event("SubspaceOpened", "precision=fp16 may be tried again"),
    ) == told
    over = ended(before.replace(closed_subspaces=()), Reason.BUDGET_EXHAUSTED, "True")
    assert ["BudgetExhausted"] == reasons(before, over)


def test_a_best_that_does_not_stand_its_confirmations_is_told() -> None:
    before = with_best("tune-7").replace(search_stage="Confirming")
    next_best = with_best("tune-3").replace(search_stage="Confirming")

    assert ["Refuted", "NewBest"] == reasons(before, next_best)
    assert ["Refuted"] == reasons(before, before.replace(best=None))
    assert "tune-7 did not stand" in events_between(before, next_best)[0].message


def test_suspension_and_its_end_are_told() -> None:
    suspended = with_condition(
        RUNNING, ConditionType.SUSPENDED, ConditionStatus.TRUE, Reason.SUSPENDED
    )
    resumed = with_condition(
        suspended, ConditionType.SUSPENDED, ConditionStatus.FALSE, Reason.NOT_SUSPENDED
    )

    assert ["Suspended"] == reasons(RUNNING, suspended)
    assert ["Resumed"] == reasons(suspended, resumed)


@pytest.mark.parametrize(
    ("reason", "succeeded", "is_warning"),
    [
        pytest.param(Reason.BUDGET_EXHAUSTED, "True", False, id="an answer"),
        pytest.param(Reason.NO_FEASIBLE_CONFIGURATION, "False", True, id="nothing fits"),
        pytest.param(Reason.TOO_MANY_INFRASTRUCTURE_FAILURES, "False", True, id="lost Pods"),
        pytest.param(Reason.CANCELLED, "False", False, id="deleted by its user"),
    ],
)
def test_the_end_is_one_event_and_a_warning_if_it_needs_somebody(
    reason: Reason, succeeded: str, *, is_warning: bool
) -> None:
    before = degraded(RUNNING, Reason.POD_REFUSED, "quota")

    told = events_between(before, ended(before, reason, succeeded))

    assert [(reason, is_warning)] == [(event.reason, event.is_warning) for event in told]


def test_a_spec_that_is_refused_is_one_warning_that_names_the_rule() -> None:
    error = InvalidTuningError("spec.budget", "must be set")
    after = refused_spec(None, error, 1, EPOCH)

    assert (Event("InvalidSpec", "spec.budget: must be set", is_warning=True),) == events_between(
        None, after
    )


def test_the_same_happening_has_the_same_name_and_another_moment_another() -> None:
    metadata = Metadata(name="tune", namespace="here", uid="7")
    event = Event("Started", "the tuning is being worked on")

    one, again = (event_object(metadata, event, EPOCH)["metadata"]["name"] for _ in range(2))
    later = event_object(metadata, event, EPOCH.replace(year=2027))["metadata"]["name"]

    assert one == again
    assert one != later


def test_an_event_belongs_to_its_tuning_by_uid() -> None:
    metadata = Metadata(name="tune", namespace="here", uid="7")

    body = event_object(metadata, Event("PodRefused", "quota", is_warning=True), EPOCH)

    assert "here" == body["metadata"]["namespace"]
    assert ("DeploymentTuning", "tune", "7") == tuple(
        body["involvedObject"][key] for key in ("kind", "name", "uid")
    )
    assert "Warning" == body["type"]


def reasons(before: TuningStatus | None, after: TuningStatus) -> Sequence[str]:
    return [event.reason for event in events_between(before, after)]


def foreseen(status: TuningStatus, message: str) -> TuningStatus:
    reason = Reason.PREFLIGHT_WARNS
    return with_condition(status, ConditionType.PROGRESSING, ConditionStatus.TRUE, reason, message)


def degraded(status: TuningStatus, reason: Reason, message: str) -> TuningStatus:
    return with_condition(status, ConditionType.DEGRADED, ConditionStatus.TRUE, reason, message)


def ended(status: TuningStatus, reason: Reason, succeeded: str) -> TuningStatus:
    finished = with_condition(status, ConditionType.FINISHED, ConditionStatus.TRUE, reason)
    verdict = ConditionStatus(succeeded)
    return with_condition(finished, ConditionType.SUCCEEDED, verdict, reason)


def with_condition(
    status: TuningStatus,
    kind: ConditionType,
    said: ConditionStatus,
    reason: Reason,
    message: str = "",
) -> TuningStatus:
    conditions = set_condition(status.conditions, kind, Said(said, reason, message), START)
    return status.replace(conditions=conditions)


def with_best(trial: str) -> TuningStatus:
    return RUNNING.replace(
        best=Answer(trial=trial, pool="a10", parameters={"size": 3}, metrics={"latency": 1.0})
    )
