"""What real kubelets said of Pods, and what they must be taken for.

Each recording holds the command that made it: `tests/node/record_pods.py`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pod_cases.verdicts import VERDICTS, Expected, verdict_of

from deploytune.state.pods.attempts import attempt_of, needs_warnings
from deploytune.state.pods.waits import WARNINGS_AFTER
from deploytune.state.world import WaitKind

RECORDINGS = Path(__file__).parents[1] / "recorded_pods"


@dataclass(frozen=True)
class Recording:
    pod: Mapping[str, Any]
    warnings: tuple[str, ...]
    read_at: datetime

    @classmethod
    def named(cls, name: str) -> Recording:
        document = json.loads((RECORDINGS / f"{name}.json").read_text())
        assert document["recorded_by"].endswith(f"record_pods.py {name}")
        read_at = datetime.fromisoformat(document["read_at"])
        return cls(document["pod"], tuple(document["warnings"]), read_at)


@pytest.mark.parametrize(
    ("name", "expected"), VERDICTS.items(), ids=[each.phrase for each in VERDICTS.values()]
)
def test_an_end_as_a_kubelet_tells_it_has_its_verdict(name: str, expected: Expected) -> None:
    recording = Recording.named(name)
    later = recording.read_at + timedelta(seconds=expected.seconds_later)
    verdict = verdict_of(recording.pod, later, recording.warnings)
    assert verdict is not None
    assert (expected.outcome, expected.cause, expected.stage) == (
        verdict.outcome,
        verdict.cause,
        verdict.stage,
    )
    assert expected.says in verdict.message


@pytest.mark.parametrize("name", [name for name, each in VERDICTS.items() if each.seconds_later])
def test_what_is_only_lost_in_time_has_not_ended_at_once(name: str) -> None:
    recording = Recording.named(name)
    assert verdict_of(recording.pod, recording.read_at, recording.warnings) is None


@pytest.mark.parametrize("name", VERDICTS)
def test_a_kubelets_times_make_sense(name: str) -> None:
    recording = Recording.named(name)
    later = recording.read_at + timedelta(seconds=VERDICTS[name].seconds_later)
    attempt = attempt_of(recording.pod, later)
    assert attempt is not None
    assert attempt.ending is not None
    assert attempt.ended_at is not None
    assert attempt.ended_at <= later
    assert 0.0 <= attempt.ending.seconds < 300.0


WAITS = {
    "the scheduler that finds no node": ("unschedulable", WaitKind.UNSCHEDULABLE, "nodes are"),
    "a gate": ("gated", WaitKind.GATED, "gate"),
    "the scheduler, once the gate is lifted": (
        "gate-lifted",
        WaitKind.UNSCHEDULABLE,
        "nodes are",
    ),
    "an image that is not there": ("image-missing", WaitKind.IMAGE, "absent:latest"),
    "an image that is not there for long": (
        "image-missing-for-long",
        WaitKind.IMAGE,
        "absent:latest",
    ),
    "an image that may not be pulled": ("image-never-pulled", WaitKind.IMAGE, "absent:latest"),
    "an image's name that is none": ("image-name-invalid", WaitKind.IMAGE, "InvalidImageName"),
    "a Secret": ("secret-missing", WaitKind.CONTAINER_CONFIG, 'secret "absent" not found'),
    "a volume": ("volume-missing", WaitKind.VOLUME, 'configmap "absent" not found'),
    "a container runtime": ("runtime-missing", WaitKind.CONTAINER_CONFIG, "absent"),
    "its kubelet": ("starting", WaitKind.STARTING, "node-1"),
}


@pytest.mark.parametrize(("name", "kind", "says"), WAITS.values(), ids=WAITS.keys())
def test_a_pod_waits_for(name: str, kind: WaitKind, says: str) -> None:
    recording = Recording.named(name)
    attempt = attempt_of(recording.pod, recording.read_at, recording.warnings)
    assert attempt is not None
    assert attempt.ending is None
    assert attempt.wait is not None
    assert kind is attempt.wait.kind
    assert says in attempt.wait.message
    assert attempt.started_at <= attempt.wait.since <= recording.read_at


@pytest.mark.parametrize("name", ["running", "being-deleted"])
def test_a_pod_that_runs_neither_waits_nor_has_ended(name: str) -> None:
    recording = Recording.named(name)
    attempt = attempt_of(recording.pod, recording.read_at)
    assert attempt is not None
    assert (None, None) == (attempt.ending, attempt.wait)


@pytest.mark.parametrize("name", ["volume-missing", "runtime-missing", "deadline-before-image"])
def test_where_only_events_say_why_they_are_asked_for(name: str) -> None:
    recording = Recording.named(name)
    assert needs_warnings(recording.pod, recording.read_at + WARNINGS_AFTER)


def test_every_recording_is_looked_at() -> None:
    named = {*VERDICTS, *(name for name, _, _ in WAITS.values())}
    named |= {"running", "being-deleted"}
    assert named == {path.stem for path in RECORDINGS.glob("*.json")}
