"""The event loop of load generators.

It waits by `select`, whose time-outs are in microseconds; those of `epoll` are in milliseconds and
would make every request of an open loop half a millisecond late.
"""

from __future__ import annotations

import asyncio
import selectors


def precise_loop() -> asyncio.AbstractEventLoop:
    """Return a new loop that wakes in time."""
    return asyncio.SelectorEventLoop(selectors.SelectSelector())
