"""What is counted of the tunings is how they stand, also where their passes throw or they go."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from builders import a_trial, a_tuning
from played_api_server import Answer, play

from deploytune.api.tuning import TuningStatus
from deploytune.contract.errors import ClusterError
from deploytune.handlers.census import FINISHED, KnownTunings
from deploytune.handlers.controller import Controller
from deploytune.handlers.heartbeat import Remembered, beat_for_ever
from deploytune.handlers.keys import TuningKey
from deploytune.handlers.telemetry import Telemetry
from deploytune.runtime.kube.adapter import KubeOptions
from deploytune.state.pods.manifest import PodOptions

KEY, GONE = TuningKey("ml", "tune"), TuningKey("ml", "gone")
REFUSED = Answer(403, json.dumps({"kind": "Status", "message": "not yours"}))
DONE = Answer(201, "{}")


def a_document(*, is_finished: bool = False) -> dict[str, Any]:
    """A tuning as the API server has it."""
    document = json.loads(a_tuning().to_json())
    metadata = {"namespace": "ml", "name": "tune", "uid": "u-1", "resourceVersion": "1"}
    ended = {"type": "Finished", "status": "True", "reason": "Converged", "message": ""}
    ended["lastTransitionTime"] = "2026-01-01T00:00:00Z"
    status = {"conditions": [ended]} if is_finished else {}
    return {**document, "metadata": {**metadata, "generation": 1}, "status": status}


async def test_a_tuning_whose_passes_throw_is_counted_as_degraded() -> None:
    found = Answer(body=json.dumps(a_document()))
    telemetry = Telemetry()
    telemetry.census.note(KEY, TuningStatus(), [a_trial(pool="local")])
    options = KubeOptions(PodOptions(default_image="localhost/trial:1"))
    async with play(REFUSED, REFUSED, REFUSED, found, DONE, DONE) as played:
        controller = Controller(played.api, options, lambda: datetime.now(UTC), telemetry)
        for _ in range(3):
            with pytest.raises(ClusterError):
                await controller.reconcile(KEY)
    (counted,) = telemetry.census.tunings()

    assert ("Degraded", {"local": 1}) == (counted.state, dict(counted.active_by_pool))


async def test_an_ended_tuning_that_is_gone_is_looked_at_and_one_that_is_there_is_not() -> None:
    census = KnownTunings()
    census.note_end(KEY)
    census.note_end(GONE)
    listed = {"items": [a_document(is_finished=True)], "metadata": {}}

    assert [GONE] == await looked_at(census, Answer(body=json.dumps(listed)))


async def looked_at(census: KnownTunings, answer: Answer) -> Sequence[TuningKey]:
    """Return what the first heartbeat has looked at."""
    looked: list[TuningKey] = []
    seen = asyncio.Event()

    def look_at(key: TuningKey) -> None:
        looked.append(key)
        seen.set()

    async with play(answer) as played:
        beat = beat_for_ever(played.api, [None], 0.01, look_at, Remembered(tuple, census.keys))
        beating = asyncio.create_task(beat)
        async with asyncio.timeout(10):
            await seen.wait()
        beating.cancel()
        await asyncio.wait([beating])
    assert FINISHED == next(iter(census.tunings())).state
    return looked
