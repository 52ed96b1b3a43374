"""An event loop whose clock jumps to the next thing that is due: hours of load in a moment."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

_Result = TypeVar("_Result")


class _Jumping(selectors.SelectSelector):
    """Waits for nothing, and says for how long it would have."""

    def __init__(self, passed: Callable[[float], None]) -> None:
        super().__init__()
        self._passed = passed

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        self._passed(max(0.0, timeout or 0.0))
        return super().select(0)


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop of virtual seconds."""

    def __init__(self) -> None:
        self._now = 0.0
        super().__init__(_Jumping(self._pass))

    def time(self) -> float:
        return self._now

    def _pass(self, seconds: float) -> None:
        self._now += seconds


def run_virtually(work: Coroutine[Any, Any, _Result]) -> _Result:
    """Run to the end in virtual time."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(work)


class AQueue:
    """A server with a rate of its own that answers one request after the other."""

    def __init__(self, capacity: float, own_seconds: float = 0.0) -> None:
        self._each, self._own_seconds, self._free_at = 1 / capacity, own_seconds, 0.0

    async def send(self) -> bool:
        now = asyncio.get_running_loop().time()
        self._free_at = max(now, self._free_at) + self._each
        await asyncio.sleep(self._free_at + self._own_seconds - now)
        return True
