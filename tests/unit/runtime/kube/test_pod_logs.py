"""The log of an attempt's Pod, from a server that is played."""

from __future__ import annotations

import json

import pytest
from builders import a_trial
from played_api_server import Answer, play

from deploytune.api.trial import TuningTrial
from deploytune.runtime.kube.errors import NotFoundError, RefusedError
from deploytune.runtime.kube.pod_logs import end_of_log


def an_owned_trial(uid: str = "7") -> TuningTrial:
    trial = a_trial(3)
    return trial.model_copy(update={"metadata": trial.metadata.replace(uid=uid)})


def a_pod(owner: str) -> Answer:
    reference = {"uid": owner, "controller": True}
    return Answer(body=json.dumps({"metadata": {"ownerReferences": [reference]}}))


async def test_the_last_lines_of_the_trials_own_container_are_read() -> None:
    async with play(a_pod("7"), Answer(body="one\ntwo\n")) as server:
        assert "one\ntwo\n" == await end_of_log(server.api, "ns", an_owned_trial(), "tune-3-1", 20)
    _, (_, path, query, _) = server.requests
    assert "/api/v1/namespaces/ns/pods/tune-3-1/log" == path
    assert ("trial", "20") == (query["container"], query["tailLines"])


async def test_a_pod_of_another_trial_that_has_its_name_is_not_it() -> None:
    async with play(a_pod("8")) as server:
        with pytest.raises(NotFoundError):
            await end_of_log(server.api, "ns", an_owned_trial(), "tune-3-1", 20)


async def test_whoever_may_not_read_logs_is_told_so() -> None:
    refused = Answer(403, '{"message": "cannot get resource pods/log"}')
    async with play(a_pod("7"), refused) as server:
        with pytest.raises(RefusedError, match="pods/log"):
            await end_of_log(server.api, "ns", an_owned_trial(), "tune-3-1", 20)
