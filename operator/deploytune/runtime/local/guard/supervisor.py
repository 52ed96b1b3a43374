"""The guard's life: start the trial, watch it, end it, clear up, say how it ended.

Standard input is the pipe to the run: a byte asks for the end, and its closing means that the run
is dead. Whatever ends the attempt, SIGTERM comes first and SIGKILL after the grace; only the memory
bound kills at once.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import time
from pathlib import Path

from deploytune.contract.bounded_logs import bound_log
from deploytune.runtime.local.guard.bounds import (
    KernelMemoryBound,
    MemoryBound,
    RunDeadline,
    WatchedMemoryBound,
)
from deploytune.runtime.local.guard.control_groups import ControlGroup
from deploytune.runtime.local.guard.launch import start_trial
from deploytune.runtime.local.guard.leavings import clear, control_groups_of
from deploytune.runtime.local.guard.orders import LOG_FILE, TERMINATION_FILE, EndingRecord, Orders
from deploytune.runtime.local.guard.processes import (
    adopt_orphans,
    descendants,
    kill_all,
    reap,
    send,
)

_MEMORY_TICK_SECONDS = 0.1
_LONGEST_PAUSE_SECONDS = 1.0
_OWNER = 0

NOBODY, RUN_DEADLINE, MEMORY_LIMIT, REQUEST, LOST_OWNER = (
    "Nobody",
    "RunDeadline",
    "MemoryLimit",
    "Request",
    "LostOwner",
)


class Supervisor:
    """Watches one trial from its start to its end."""

    def __init__(self, orders: Orders, attempt: Path) -> None:
        """Prepare the control groups; nothing runs yet."""
        self._orders = orders
        self._attempt = attempt
        self._groups = control_groups_of(orders)
        self._wakeup = _wake_on_signals()
        self._ended_by = NOBODY
        self._kill_at: float | None = None
        self._memory = self._bind_memory()
        if orders.cpu_group is not None and orders.cpus is not None:
            ControlGroup(Path(orders.cpu_group)).limit_cpus(orders.cpus)

    def run(self) -> EndingRecord:
        """Run the trial to its end and take away all it leaves."""
        started = time.monotonic()
        self._deadline = RunDeadline(
            self._orders.run_deadline_seconds, self._attempt / TERMINATION_FILE
        )
        self._trial = start_trial(self._orders, self._attempt, self._groups)
        try:
            exit_code = self._watch()
            seconds = time.monotonic() - started
        finally:
            undead = kill_all(descendants)
        out_of_memory = self._ended_by == MEMORY_LIMIT or self._kernel_killed()
        left = clear(self._orders, self._attempt)
        bound_log(self._attempt / LOG_FILE)
        return EndingRecord(
            exit_code=exit_code,
            ended_by=MEMORY_LIMIT if out_of_memory else self._ended_by,
            out_of_memory=out_of_memory,
            seconds=seconds,
            detail="; ".join(filter(None, (undead, left))),
        )

    def _bind_memory(self) -> MemoryBound | None:
        for group in self._groups:
            group.create()
        limit_bytes = self._orders.memory_bytes
        if limit_bytes is None:
            return None
        if self._orders.memory_group is None:
            return WatchedMemoryBound(limit_bytes)
        group = ControlGroup(Path(self._orders.memory_group))
        group.limit_memory(limit_bytes)
        return KernelMemoryBound(group)

    def _watch(self) -> int:
        """Return the trial's exit code, negative for a signal."""
        poll = select.poll()
        poll.register(_OWNER, select.POLLIN | select.POLLHUP)
        poll.register(self._wakeup, select.POLLIN)
        while True:
            ready = {descriptor for descriptor, _ in poll.poll(1000 * self._pause_seconds())}
            if self._wakeup in ready:
                self._forward_signals(os.read(self._wakeup, 64))
            exit_code = reap().get(self._trial)
            if exit_code is not None:
                return exit_code
            if _OWNER in ready:
                self._hear_owner(poll)
            self._check_bounds()

    def _pause_seconds(self) -> float:
        tick = _LONGEST_PAUSE_SECONDS if self._memory is None else _MEMORY_TICK_SECONDS
        if self._kill_at is not None:
            return max(0.0, min(tick, self._kill_at - time.monotonic()))
        return max(0.0, min(tick, self._deadline.seconds_left()))

    def _hear_owner(self, poll: select.poll) -> None:
        said = os.read(_OWNER, 1)
        poll.unregister(_OWNER)
        self._end(REQUEST if said else LOST_OWNER)

    def _check_bounds(self) -> None:
        bound_log(self._attempt / LOG_FILE)
        if self._memory is not None and self._memory.is_exceeded():
            self._ended_by = MEMORY_LIMIT
            self._kill()
        elif self._kill_at is None:
            if self._deadline.seconds_left() <= 0:
                self._end(RUN_DEADLINE)
        elif time.monotonic() >= self._kill_at:
            self._kill()

    def _end(self, why: str) -> None:
        """Ask the trial to end, once; the first of our reasons stands."""
        if self._ended_by == NOBODY:
            self._ended_by = why
        if self._kill_at is None:
            self._kill_at = time.monotonic() + self._orders.grace_seconds
            send(self._trial, signal.SIGTERM)

    def _kill(self) -> None:
        """Kill the trial; the rest of its processes follow once it is collected."""
        send(self._trial, signal.SIGKILL)
        self._kill_at = time.monotonic() + self._orders.grace_seconds

    def _forward_signals(self, numbers: bytes) -> None:
        # Somebody ends the guard itself, a shutdown perhaps: the trial hears of it and may report.
        if signal.SIGTERM in numbers:
            self._end(NOBODY)

    def _kernel_killed(self) -> bool:
        return isinstance(self._memory, KernelMemoryBound) and self._memory.is_exceeded()


def _wake_on_signals() -> int:
    """Return a descriptor from which the numbers of signals can be read as they come."""
    readable, writable = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
    signal.set_wakeup_fd(writable, warn_on_full_buffer=False)
    # Handlers, not SIG_IGN: a trial would inherit that across exec.
    for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda _number, _frame: None)
    return readable


def main() -> None:
    """Guard the attempt whose folder and locked descriptor the arguments name."""
    attempt, lock = Path(sys.argv[1]), int(sys.argv[2])
    os.set_inheritable(lock, False)
    adopt_orphans()
    Supervisor(Orders.read(attempt), attempt).run().write(attempt)
