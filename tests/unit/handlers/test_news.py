from __future__ import annotations

from typing import Any

import pytest

from deploytune.handlers.keys import TuningKey
from deploytune.handlers.news import (
    concerns_pod,
    concerns_trial,
    concerns_tuning,
    key_of,
    owner_key_of,
)


def an_event(
    kind: str | None,
    *,
    generation: int = 1,
    observed: int | None = None,
    going: bool = False,
) -> dict[str, Any]:
    metadata: dict[str, Any] = {
        "namespace": "here",
        "name": "tune-3-0",
        "generation": generation,
        "labels": {"deploytune.dev/tuning": "tune"},
    }
    if going:
        metadata["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    status = {} if observed is None else {"status": {"observedGeneration": observed}}
    return {"type": kind, "object": {"metadata": metadata, **status}}


@pytest.mark.parametrize(
    ("event", "is_news"),
    [
        pytest.param(an_event(None, observed=1), True, id="listed"),
        pytest.param(an_event("ADDED"), True, id="new"),
        pytest.param(an_event("MODIFIED"), True, id="its status was never written"),
        pytest.param(an_event("MODIFIED", observed=1), False, id="only its status was written"),
        pytest.param(an_event("MODIFIED", generation=2, observed=1), True, id="edited"),
        pytest.param(an_event("MODIFIED", observed=1, going=True), True, id="being deleted"),
        pytest.param(an_event("DELETED", observed=1), True, id="deleted"),
    ],
)
def test_a_tuning_is_news_unless_only_its_status_was_written(
    event: dict[str, Any], *, is_news: bool
) -> None:
    assert is_news == concerns_tuning(event)


@pytest.mark.parametrize(
    ("event", "is_news"),
    [
        pytest.param(an_event(None), False, id="listed"),
        pytest.param(an_event("ADDED"), False, id="new"),
        pytest.param(an_event("MODIFIED"), False, id="written"),
        pytest.param(an_event("MODIFIED", going=True), True, id="being deleted"),
        pytest.param(an_event("DELETED"), True, id="deleted"),
    ],
)
def test_a_trial_is_news_when_somebody_deletes_it(event: dict[str, Any], *, is_news: bool) -> None:
    assert is_news == concerns_trial(event)


@pytest.mark.parametrize(
    ("event", "is_news"),
    [
        pytest.param(an_event(None), True, id="listed"),
        pytest.param(an_event("ADDED"), False, id="new"),
        pytest.param(an_event("ADDED", going=True), True, id="new to us and being deleted"),
        pytest.param(an_event("MODIFIED"), True, id="changed"),
        pytest.param(an_event("DELETED"), True, id="deleted"),
    ],
)
def test_a_pod_is_news_unless_it_has_just_been_made(
    event: dict[str, Any], *, is_news: bool
) -> None:
    assert is_news == concerns_pod(event)


def test_a_tuning_is_known_by_its_name_and_what_it_owns_by_the_label() -> None:
    assert TuningKey("here", "tune-3-0") == key_of(an_event("ADDED"))
    assert TuningKey("here", "tune") == owner_key_of(an_event("ADDED"))
