"""Real servers on loopback, and the fetching of what a request names there."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from object_stores import ObjectStore, an_object_store, why_no_object_store
from onnx_builders import a_model_request
from source_builders import Fetch, Refused
from web_servers import WebServer, a_web_server

from deploytune_trial.failures import TrialFailure
from deploytune_trial.sources.fetching import Fetched, fetch_sources

SECONDS = 60.0


@pytest.fixture
def web() -> Iterator[WebServer]:
    with a_web_server() as server:
        yield server


@pytest.fixture(scope="session")
def object_store() -> Iterator[ObjectStore]:
    lack = why_no_object_store()
    if lack is not None:
        (pytest.fail if os.environ.get("DEPLOYTUNE_REQUIRE_CLUSTER") else pytest.skip)(lack)
    with an_object_store() as store:
        yield store


@pytest.fixture
def fetch(tmp_path: Path) -> Fetch:
    """Fetches what a request for the model at a source names."""

    def fetch(source: str, seconds: float = SECONDS, **workload: Any) -> Fetched:
        stall = workload.pop("stall_seconds", SECONDS)
        request = a_model_request(source, workload.pop("parameters", None), **workload)
        return fetch_sources(request, tmp_path / "sources", seconds, stall)

    return fetch


@pytest.fixture
def refused(fetch: Fetch) -> Refused:
    """Returns the failure that fetching ends with; its message is one line."""

    def refused(source: str, seconds: float = SECONDS, **workload: Any) -> TrialFailure:
        with pytest.raises(TrialFailure) as raised:
            fetch(source, seconds, **workload)
        assert "\n" not in raised.value.message
        return raised.value

    return refused
