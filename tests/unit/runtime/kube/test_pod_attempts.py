from __future__ import annotations

import json
from typing import Any

import pytest
from builders import a_finished_trial, a_report, a_trial, at
from played_api_server import Answer, play
from pod_state_builders import a_pod, ended, running, waiting

from deploytune.api.trial import EndRequest, TuningTrial
from deploytune.runtime.kube.pod_attempts import read_attempts
from deploytune.state.world import EndedBy, WaitKind

SOON, LATE = at(100), at(4000)


def with_uid(trial: TuningTrial, uid: str = "trial-uid") -> TuningTrial:
    metadata = trial.metadata.model_copy(update={"uid": uid})
    return trial.model_copy(update={"metadata": metadata})


def owned(pod: dict[str, Any], uid: str = "trial-uid") -> dict[str, Any]:
    owner = {"kind": "TuningTrial", "uid": uid, "controller": True}
    metadata = {**pod["metadata"], "uid": "pod-uid", "ownerReferences": [owner]}
    return {**pod, "metadata": metadata}


RUNNING = owned(a_pod("Running", running()))
ENDED = owned(a_pod("Succeeded", ended(0, "Completed", message=a_report().decode())))


@pytest.mark.parametrize(
    ("trial", "pod", "expected"),
    [
        pytest.param(a_trial(), RUNNING, 1, id="runs"),
        pytest.param(a_trial(), ENDED, 1, id="has ended"),
        pytest.param(a_finished_trial(), RUNNING, 1, id="runs on after its trial has finished"),
        pytest.param(a_finished_trial(), ENDED, 0, id="has ended as its trial has"),
        pytest.param(a_trial(), owned(RUNNING, "another"), 0, id="belongs to another trial"),
        pytest.param(a_trial(7), RUNNING, 0, id="carries the index of another trial"),
        pytest.param(
            a_trial(), owned(a_pod("Running", running(), index="x")), 0, id="carries no index"
        ),
    ],
)
async def test_a_pod_is_an_attempt_if_it_can_say_something_of_its_trial(
    trial: TuningTrial, pod: dict[str, Any], expected: int
) -> None:
    async with play() as server:
        found = await read_attempts(server.api, "ns", [pod], [with_uid(trial)], SOON)
    assert expected == len(found)
    assert [pod] * expected == [each for _, each in found]


async def test_a_deletion_after_our_request_is_ours() -> None:
    pod = owned(a_pod("Failed", ended(137, finished=60.0), deletion=(50.0, 15)))
    asked = a_trial().status.replace(end_requested=EndRequest(attempt=0, why="suspended"))
    trial = with_uid(a_trial()).model_copy(update={"status": asked})
    async with play() as server:
        ((attempt, _),) = await read_attempts(server.api, "ns", [pod], [trial], SOON)
    assert attempt.ending is not None
    assert EndedBy.REQUEST is attempt.ending.ended_by


async def test_an_event_that_was_not_seen_lately_says_nothing() -> None:
    event = {"reason": "FailedMount", "message": "", "lastTimestamp": "2026-01-01T01:00:00Z"}
    answer = Answer(body=json.dumps({"items": [event], "metadata": {}}))
    pod = owned(a_pod("Pending", waiting("ContainerCreating")))
    async with play(answer) as server:
        ((attempt, _),) = await read_attempts(server.api, "ns", [pod], [with_uid(a_trial())], LATE)
    assert attempt.wait is not None
    assert WaitKind.STARTING is attempt.wait.kind


async def test_events_are_asked_for_where_the_pod_does_not_say_why_it_waits() -> None:
    events = [
        {"reason": "FailedMount", "message": "old", "lastTimestamp": "2026-01-01T01:05:01Z"},
        {"reason": "FailedMount", "message": "new", "lastTimestamp": "2026-01-01T01:05:02Z"},
    ]
    answer = Answer(body=json.dumps({"items": events, "metadata": {}}))
    pod = owned(a_pod("Pending", waiting("ContainerCreating")))
    async with play(answer) as server:
        ((attempt, _),) = await read_attempts(server.api, "ns", [pod], [with_uid(a_trial())], LATE)
    ((_, path, query, _),) = server.requests
    assert "/api/v1/namespaces/ns/events" == path
    assert "involvedObject.uid=pod-uid,type=Warning" == query["fieldSelector"]
    assert attempt.wait is not None
    assert (WaitKind.VOLUME, True) == (attempt.wait.kind, "new" in attempt.wait.message)
