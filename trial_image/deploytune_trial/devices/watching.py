"""Listens for faults of the devices while a trial runs."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Protocol

from deploytune_trial.devices.faults import fault_that_ends, fault_that_explains
from deploytune_trial.devices.readings import DeviceError
from deploytune_trial.failures import TrialFailure, hardware_fault

_LISTEN_SECONDS = 0.25
_LATE_SECONDS = 0.5
"""A fault fails a request at once, and is told of a moment later."""


class Events(Protocol):
    """Where faults are told of."""

    def next_xid(self, timeout_seconds: float) -> int | None:
        """Return the next fault's number, None if there is none in time."""
        ...


class FaultWatch:
    """Keeps the faults of a trial's devices and says when one ends it."""

    def __init__(self, events: Events, when_broken: Callable[[TrialFailure], None]) -> None:
        """Listen to `events`; `when_broken` is called from the listening thread, once."""
        self._events = events
        self._when_broken = when_broken
        self._xids: list[int] = []
        self._heard = threading.Condition()
        threading.Thread(target=self._listen, name="faults", daemon=True).start()

    @property
    def xids(self) -> tuple[int, ...]:
        """The numbers of the faults so far, listed or not, in their order."""
        return tuple(self._xids)

    def explanation(self, patience_seconds: float = _LATE_SECONDS) -> TrialFailure | None:
        """Return the fault behind a failure, None if none is told of soon enough."""
        until = time.monotonic() + patience_seconds
        with self._heard:
            while (fault := fault_that_explains(self._xids)) is None:
                left = until - time.monotonic()
                if left <= 0 or not self._heard.wait(left):
                    return fault_that_explains(self._xids)
        return fault

    def _listen(self) -> None:
        while True:
            try:
                xid = self._events.next_xid(_LISTEN_SECONDS)
            except DeviceError as error:
                self._when_broken(hardware_fault(str(error)))
                return
            if xid is None:
                continue
            with self._heard:
                self._xids.append(xid)
                self._heard.notify_all()
            fault = fault_that_ends(xid)
            if fault is not None:
                self._when_broken(fault)
                return
