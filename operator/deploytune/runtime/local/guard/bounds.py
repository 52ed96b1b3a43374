"""What a trial may not exceed: memory and time. Each bound is asked at every tick."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from deploytune.runtime.local.guard.control_groups import ControlGroup
from deploytune.runtime.local.guard.processes import descendants, summed_pss_bytes


class MemoryBound(Protocol):
    """Says whether the attempt's processes have used more memory than they may."""

    def is_exceeded(self) -> bool:
        """Tell whether the bound was crossed, now or before."""
        ...


class KernelMemoryBound:
    """The kernel kills in the attempt's control group, and counts."""

    def __init__(self, group: ControlGroup) -> None:
        """Read the counters of `group`."""
        self._group = group

    def is_exceeded(self) -> bool:
        """Tell whether the kernel has killed any process of the group."""
        return self._group.oom_kills() > 0


class WatchedMemoryBound:
    """The guard adds up the PSS of all descendants: coarser, but needs no rights."""

    def __init__(self, limit_bytes: int) -> None:
        """Bound the sum at `limit_bytes`."""
        self._limit_bytes = limit_bytes

    def is_exceeded(self) -> bool:
        """Tell whether the sum is above the limit now."""
        return summed_pss_bytes(descendants()) > self._limit_bytes


class RunDeadline:
    """The run deadline, behind the trial's own watchdog; waiting for the host's lock is free."""

    def __init__(self, seconds: float, termination: Path) -> None:
        """Begin to count; the trial's breadcrumb in `termination` says how long it has waited."""
        self._seconds = seconds
        self._termination = termination
        self._started = time.monotonic()
        self._said: tuple[float, float | None] = (0.0, None)

    def seconds_left(self) -> float:
        """Return the seconds until the deadline if no further wait comes between."""
        now = time.monotonic()
        left = self._started + self._seconds - now
        if left > 0:
            return left
        return left + self._waited(now)

    def _waited(self, now: float) -> float:
        # Half a message, or none: what the trial said before still holds.
        with suppress(OSError, ValueError, TypeError, AttributeError, RecursionError):
            message = json.loads(self._termination.read_bytes())
            since = message.get("waitingSince")
            waited = float(message.get("waitedSeconds", 0.0))
            self._said = waited, None if since is None else float(since)
        waited, waiting_since = self._said
        total = waited + (0.0 if waiting_since is None else now - waiting_since)
        return total if 0.0 < total <= now - self._started else 0.0
