"""Whose finalizer goes, and which Pods are deleted."""

from __future__ import annotations

from typing import Any

import pytest
from builders import a_finished_trial, a_trial
from pod_state_builders import Json, a_pod, ended, running

from deploytune.api.trial import AttemptRecord, TuningTrial
from deploytune.api.tuning import PodRetention
from deploytune.contract.outcomes import Cause, OutcomeKind
from deploytune.state.pods.releases import Releases, plan_releases

UID = "11111111-1111-4111-8111-111111111111"
ALWAYS, NEVER, ON_FAILURE = PodRetention.ALWAYS, PodRetention.NEVER, PodRetention.ON_FAILURE


def on_record(trial: TuningTrial, *, deleted_at: str | None = None) -> TuningTrial:
    changes = {"uid": UID, "deletion_timestamp": deleted_at}
    return trial.model_copy(update={"metadata": trial.metadata.model_copy(update=changes)})


def its_pod(phase: str = "Failed", attempt: str = "0", **fields: Any) -> Json:
    return a_pod(phase, ended(1), owner=UID, attempt=attempt, **fields)


def test_a_pod_whose_outcome_is_on_record_is_released() -> None:
    pod = its_pod()
    assert Releases(finalizers=(pod,)) == plan_releases(
        [pod], [on_record(a_finished_trial())], ALWAYS
    )


def test_a_pod_whose_outcome_is_not_on_record_is_held() -> None:
    pods = [its_pod(), its_pod("Running"), its_pod("Pending")]
    assert Releases() == plan_releases(pods, [on_record(a_trial())], NEVER)


def test_only_the_attempt_on_record_is_released() -> None:
    record = AttemptRecord(attempt=0, outcome=OutcomeKind.INFRASTRUCTURE)
    status = a_trial().status.replace(attempts=(record,))
    trial = on_record(a_trial().model_copy(update={"status": status}))
    first, second = its_pod(attempt="0"), its_pod(attempt="1")
    assert (first,) == plan_releases([first, second], [trial], ALWAYS).finalizers


def test_a_finished_trial_waits_for_no_other_pod() -> None:
    first, second = its_pod(attempt="0"), its_pod(attempt="1")
    releases = plan_releases([first, second], [on_record(a_finished_trial())], ALWAYS)
    assert (first, second) == releases.finalizers


def test_of_misconfigured_attempts_the_latest_pod_is_kept() -> None:
    records = tuple(
        AttemptRecord(attempt=number, outcome=OutcomeKind.MISCONFIGURED) for number in range(3)
    )
    status = a_trial().status.replace(attempts=records)
    trial = on_record(a_trial().model_copy(update={"status": status}))
    pods = [its_pod(attempt=str(number)) for number in range(3)]
    assert tuple(pods[:2]) == plan_releases(pods, [trial], ON_FAILURE).deletions


@pytest.mark.parametrize(
    "trials",
    [
        [],
        [on_record(a_trial(), deleted_at="2026-01-01T00:00:00Z")],
        [a_trial().model_copy(update={"metadata": a_trial().metadata})],
    ],
    ids=["is gone", "is being deleted", "has another UID"],
)
def test_a_pod_is_released_when_its_trial_will_take_no_outcome(trials: list[TuningTrial]) -> None:
    pods = (its_pod(), its_pod("Running", attempt="1"))
    assert Releases(finalizers=pods) == plan_releases(pods, trials, NEVER)


def test_a_pod_without_our_finalizer_is_left_alone() -> None:
    theirs = its_pod(finalizers=["example.com/other"])
    assert Releases() == plan_releases([theirs], [], ALWAYS)


RETAINED = {
    "never, after a success": (NEVER, OutcomeKind.FEASIBLE, False),
    "never, after a crash": (NEVER, OutcomeKind.CRASHED, False),
    "on failure, after a success": (ON_FAILURE, OutcomeKind.FEASIBLE, False),
    "on failure, after a missed limit": (ON_FAILURE, OutcomeKind.INFEASIBLE, False),
    "on failure, after a crash": (ON_FAILURE, OutcomeKind.CRASHED, True),
    "on failure, after a disruption": (ON_FAILURE, OutcomeKind.INFRASTRUCTURE, True),
    "always, after a success": (ALWAYS, OutcomeKind.FEASIBLE, True),
}


@pytest.mark.parametrize(("retention", "outcome", "stays"), RETAINED.values(), ids=RETAINED.keys())
def test_a_pod_stays_as_its_tuning_says(
    retention: PodRetention,
    outcome: OutcomeKind,
    stays: bool,  # noqa: FBT001 - the expected answer
) -> None:
    pod = its_pod()
    releases = plan_releases([pod], [on_record(a_finished_trial(outcome=outcome))], retention)
    assert (() if stays else (pod,)) == releases.deletions


def test_retention_looks_at_the_attempt_and_not_at_its_trial() -> None:
    trial = on_record(a_finished_trial())
    crashed = AttemptRecord(attempt=0, outcome=OutcomeKind.INFRASTRUCTURE, cause=Cause.UNKNOWN_KILL)
    good = AttemptRecord(attempt=1, outcome=OutcomeKind.FEASIBLE)
    status = trial.status.replace(attempts=(crashed, good))
    pods = (its_pod(attempt="0"), its_pod(attempt="1"))
    releases = plan_releases(pods, [trial.model_copy(update={"status": status})], ON_FAILURE)
    assert (pods[1],) == releases.deletions


def test_a_pod_that_is_being_deleted_is_not_deleted_again() -> None:
    pod = its_pod(deletion=(0.0, 15))
    releases = plan_releases([pod], [on_record(a_finished_trial())], NEVER)
    assert Releases(finalizers=(pod,)) == releases


def test_a_pod_that_outlives_its_trial_is_deleted_although_all_are_kept() -> None:
    pod = a_pod("Running", ended(0), running("injected"), owner=UID)
    releases = plan_releases([pod], [on_record(a_finished_trial())], ALWAYS)
    assert (pod,) == releases.deletions
