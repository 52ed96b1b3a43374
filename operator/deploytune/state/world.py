"""What there is: a tuning, its trials, and the attempts that run or have ended.

Adapters of the runtime gather it; everything else in `state/` only reads it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from deploytune.api.trial import TuningTrial
from deploytune.api.tuning import DeploymentTuning
from deploytune.contract.stages import Stage


class EndedBy(StrEnum):
    """Who ended an attempt that did not end by itself."""

    NOBODY = "Nobody"
    RUN_DEADLINE = "RunDeadline"
    MEMORY_LIMIT = "MemoryLimit"
    REQUEST = "Request"
    LOST_OWNER = "LostOwner"


@dataclass(frozen=True)
class Ending:
    """How an attempt ended, as the runtime saw it.

    `exit_code` is negative for a signal (-9 is SIGKILL) and None when it is not known; `message` is
    the raw termination message; `out_of_memory` says that the kernel or the memory watchdog killed
    any process of the attempt.
    """

    exit_code: int | None
    ended_by: EndedBy
    out_of_memory: bool
    message: bytes
    seconds: float
    detail: str = ""


@dataclass(frozen=True)
class Attempt:
    """One attempt of a trial; `ending` is None while it runs, `stage` the last it began by then."""

    trial_index: int
    attempt: int
    started_at: datetime
    ending: Ending | None = None
    stage: Stage | None = None

    @property
    def ended_at(self) -> datetime | None:
        """When it ended, None while it runs."""
        return (
            None
            if self.ending is None
            else self.started_at + timedelta(seconds=self.ending.seconds)
        )


@dataclass(frozen=True)
class World:
    """Everything one pass decides on.

    `attempts` holds those of unfinished trials at least. `resumed_at` is when this run began: what
    was misconfigured before may have been mended since.
    """

    tuning: DeploymentTuning
    trials: tuple[TuningTrial, ...]
    attempts: tuple[Attempt, ...]
    now: datetime
    parallel_trials: int
    resumed_at: datetime
