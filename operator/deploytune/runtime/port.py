"""The port between decisions and the place where trials run.

Adapters carry out and report; they decide nothing. Every call may be repeated: creating what is
there and ending what has ended are no errors.
"""

from __future__ import annotations

from typing import Protocol

from deploytune.api.trial import TuningTrial
from deploytune.api.tuning import TuningStatus
from deploytune.contract.request import TrialRequest
from deploytune.state.world import World


class Runtime(Protocol):
    """A place where trials run and where their records are kept."""

    async def gather(self) -> World:
        """Return what is there now, freshly read."""
        ...

    async def create_trial(self, trial: TuningTrial) -> None:
        """Put a new trial on record; one that is there already stays as it is."""
        ...

    async def write_trial_status(self, trial: TuningTrial) -> None:
        """Put a trial's status on record."""
        ...

    async def start_attempt(self, request: TrialRequest) -> None:
        """Start an attempt of a trial that is on record."""
        ...

    async def end_attempt(self, trial_index: int, attempt: int) -> None:
        """Ask a running attempt to end: SIGTERM, then SIGKILL after its grace."""
        ...

    async def write_tuning_status(self, status: TuningStatus) -> None:
        """Put the tuning's status on record."""
        ...

    async def wait_for_change(self, timeout_seconds: float) -> None:
        """Return when something may have changed, or after the time-out."""
        ...
