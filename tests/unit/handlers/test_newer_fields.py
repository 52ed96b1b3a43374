"""A spec with a field of newer CRDs, which the API server may fill in by default, ends nothing."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from builders import a_tuning
from played_api_server import Answer, play

from deploytune.handlers.controller import Controller
from deploytune.handlers.keys import TuningKey
from deploytune.handlers.telemetry import Telemetry
from deploytune.runtime.kube.adapter import KubeOptions
from deploytune.runtime.kube.objects import NewerFieldError
from deploytune.state.pods.manifest import PodOptions

DONE = Answer(201, "{}")


def a_newer_document() -> dict[str, Any]:
    document: dict[str, Any] = json.loads(a_tuning().to_json())
    document["metadata"] |= {"namespace": "ml", "uid": "u-1", "resourceVersion": "1"}
    document["spec"]["newField"] = False
    return document


async def test_a_tuning_with_a_field_that_is_not_known_yet_waits_for_an_operator_who_knows() -> (
    None
):
    found = Answer(body=json.dumps(a_newer_document()))
    options = KubeOptions(PodOptions(default_image="localhost/trial:1"))
    async with play(found, found, DONE, DONE) as played:
        controller = Controller(played.api, options, lambda: datetime.now(UTC), Telemetry())
        with pytest.raises(NewerFieldError, match=r"newField.*CRDs are newer than this version"):
            await controller.reconcile(TuningKey("ml", "tune"))
        told = [body["status"] for verb, _, _, body in played.requests if verb == "PATCH"]

    (status,) = told
    conditions = {one["type"]: one["status"] for one in status["conditions"]}
    assert ("True", "False") == (conditions["Degraded"], conditions.get("Finished", "False"))
