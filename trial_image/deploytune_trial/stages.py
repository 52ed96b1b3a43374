"""Where a trial is: its stages, their breadcrumbs, their seconds and their deadlines.

All time is charged time: seconds since the process began, those spent waiting for the machine's
measurement lock left out. So a wait shows in no stage and brings no deadline nearer.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from deploytune.contract.outcomes import Cause
from deploytune.contract.report import Breadcrumb
from deploytune.contract.request import StageDeadlines
from deploytune.contract.stages import Stage

_START_TIME = 19  # field of /proc/self/stat, counted from the one after the command's name


@dataclass(frozen=True)
class Expiry:
    """A deadline that has passed: which, in which stage, and how many seconds it gave."""

    cause: Cause
    stage: Stage
    seconds: float

    def __str__(self) -> str:
        """Say it in a sentence."""
        if self.cause is Cause.RUN_DEADLINE:
            return f"the run took longer than its {self.seconds:g} s, in stage {self.stage}"
        return f"stage {self.stage} took longer than its {self.seconds:g} s"


class StageLog:
    """Keeps the stage of a trial; safe to read from other threads."""

    def __init__(
        self,
        write: Callable[[Breadcrumb], None],
        deadlines: StageDeadlines,
        run_deadline_seconds: float,
        *,
        started: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Begin with stage Load, which counts from `started`, and leave its breadcrumb."""
        self._write = write
        self._deadlines = _deadlines_by_stage(deadlines)
        self._run_deadline = run_deadline_seconds
        self._clock = clock
        self._started = started
        self._lock = threading.RLock()
        self._waited = 0.0
        self._waiting_since: float | None = None
        self._seconds: dict[Stage, float] = {}
        self._stage = Stage.LOAD
        self._stage_began = 0.0
        self._leave_breadcrumb()

    @property
    def stage(self) -> Stage:
        """The stage that runs, the last one reached."""
        return self._stage

    def enter(self, stage: Stage) -> None:
        """End the stage that runs and begin the next, with its breadcrumb."""
        with self._lock:
            self._seconds = self.stage_seconds()
            self._stage = stage
            self._stage_began = self._charged()
            self._leave_breadcrumb()

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Charge nothing for the time spent inside."""
        with self._lock:
            self._waiting_since = self._clock()
            self._leave_breadcrumb()
        try:
            yield
        finally:
            with self._lock:
                self._waited = self.waited_seconds()
                self._waiting_since = None
                self._leave_breadcrumb()

    def waited_seconds(self) -> float:
        """Return the seconds waited so far."""
        with self._lock:
            since = self._waiting_since
            return self._waited + (0.0 if since is None else self._clock() - since)

    def stage_seconds(self) -> dict[Stage, float]:
        """Return the seconds of every stage so far, the one that runs included."""
        with self._lock:
            running = self._charged() - self._stage_began
            return {**self._seconds, self._stage: running}

    def expiry(self) -> Expiry | None:
        """Return the deadline that has passed, if one has."""
        with self._lock:
            if self._charged() >= self._run_deadline:
                return Expiry(Cause.RUN_DEADLINE, self._stage, self._run_deadline)
            limit = self._deadlines.get(self._stage)
            if limit is not None and self._charged() - self._stage_began >= limit:
                return Expiry(Cause.STAGE_DEADLINE, self._stage, limit)
            return None

    def seconds_left(self) -> float:
        """Return the seconds until the next deadline if no wait comes between."""
        with self._lock:
            charged = self._charged()
            left = self._run_deadline - charged
            limit = self._deadlines.get(self._stage)
            if limit is None:
                return left
            return min(left, self._stage_began + limit - charged)

    def _charged(self) -> float:
        return self._clock() - self._started - self.waited_seconds()

    def _leave_breadcrumb(self) -> None:
        self._write(
            Breadcrumb(
                stage=self._stage,
                waited_seconds=self.waited_seconds(),
                waiting_since=self._waiting_since,
            )
        )


def _deadlines_by_stage(deadlines: StageDeadlines) -> dict[Stage, float]:
    return {
        Stage.LOAD: deadlines.load,
        Stage.BUILD: deadlines.build,
        Stage.SERVE: deadlines.serve,
        Stage.WARM_UP: deadlines.warm_up,
        Stage.VERIFY: deadlines.verify,
        Stage.MEASURE: deadlines.measure,
    }


def process_started() -> float:
    """Return when this process began, on the monotonic clock."""
    after_name = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    ticks = int(after_name[_START_TIME])
    age = time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")
    return time.monotonic() - age
