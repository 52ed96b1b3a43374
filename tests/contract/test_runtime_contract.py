"""The contract suite over the local adapter and over the tests' own in memory.

Over the cluster's it runs in tests/cluster/test_kube_adapter.py. The last promise is of these two
only: a Pod outlives whoever started it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from builders import a_configuration, a_trial, a_tuning
from local_builders import local_options
from memory_runtime import MemoryRuntime, Records
from runtime_contract import RuntimeContract, RuntimePlace, attempts_of

from deploytune.runtime.local.adapter import LocalRuntime
from deploytune.runtime.port import Runtime
from deploytune.state.world import EndedBy

TUNING = a_tuning()
QUICK, ENDLESS = (a_trial(0, a_configuration(kind=kind)) for kind in ("measure", "hang"))


@pytest.fixture(params=["local", "memory"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> RuntimePlace:
    records = Records()

    @asynccontextmanager
    async def open_local() -> AsyncIterator[Runtime]:
        async with LocalRuntime(tmp_path / "state", TUNING, local_options(tmp_path)) as runtime:
            yield runtime

    @asynccontextmanager
    async def open_memory() -> AsyncIterator[Runtime]:
        yield MemoryRuntime(TUNING, records)

    opens = open_local if request.param == "local" else open_memory
    return RuntimePlace(opens, TUNING, QUICK, ENDLESS)


class TestRuntimeOnThisMachine(RuntimeContract):
    async def test_the_next_run_finds_a_lost_attempt_ended(self, place: RuntimePlace) -> None:
        async with place.opens() as runtime:
            await runtime.create_trial(place.endless)
            await runtime.start_attempt(place.request(place.endless))
        async with place.opens() as runtime:
            (attempt,) = await attempts_of(runtime)
        assert attempt.ending is not None
        assert EndedBy.LOST_OWNER is attempt.ending.ended_by
