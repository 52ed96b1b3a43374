from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace

import pytest
from builders import a_tuning
from memory_runtime import MemoryRuntime

from deploytune.api.trial import TuningTrial
from deploytune.runtime.passes import run_pass
from deploytune.state.world import World


class RunOut(tuple[TuningTrial, ...]):
    """Trials that end their reader's own search for one, as a bare `next` does."""

    __slots__ = ()

    def __iter__(self) -> Iterator[TuningTrial]:
        raise StopIteration


class RunOutRuntime(MemoryRuntime):
    async def gather(self) -> World:
        return replace(await super().gather(), trials=RunOut())


async def test_a_decision_that_runs_out_of_an_iterator_fails_and_does_not_hang() -> None:
    runtime = RunOutRuntime(a_tuning())

    with pytest.raises(RuntimeError, match="ran out of an iterator"):
        async with asyncio.timeout(10):
            await run_pass(runtime)
