"""A process and all that it has started, as /proc shows them, and the end of them all."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

PROC = Path("/proc")

_DEAD = ("Z", "X")
_MOST_ROUNDS = 50
_DYING_SECONDS = 2.0
_POLL_SECONDS = 0.002


def process_tree(root: int, proc: Path = PROC) -> list[int]:
    """Return a process and all its descendants, dead ones that nobody has collected included."""
    tree = []
    left = [root]
    while left:
        process = left.pop()
        tree.append(process)
        for children in proc.glob(f"{process}/task/*/children"):
            left.extend(int(child) for child in read_if_there(children).split())
    return tree


def has_dead_member(root: int, proc: Path = PROC) -> bool:
    """Tell whether a process of a tree has died and was not collected yet."""
    return any(_state(process, proc) in _DEAD for process in process_tree(root, proc))


def is_alive(process: int, proc: Path = PROC) -> bool:
    """Tell whether a process runs; one that only waits to be collected does not."""
    return _state(process, proc) not in {"", *_DEAD}


def kill_tree(root: int, *, spare_root: bool = False) -> list[int]:
    """Kill a process and all its descendants, whatever groups they are in; return them.

    They are stopped first, until no new ones appear: who is stopped starts nobody.
    """
    stopped: set[int] = {root} if spare_root else set()
    for _ in range(_MOST_ROUNDS):
        new = [member for member in process_tree(root) if member not in stopped]
        if not new:
            break
        _send(new, signal.SIGSTOP)
        stopped.update(new)
    killed = sorted(stopped - ({root} if spare_root else set()))
    _send(killed, signal.SIGKILL)
    return killed


def wait_until_dead(processes: Iterable[int]) -> None:
    """Wait until processes have given their memory back, for a moment at most."""
    until = time.monotonic() + _DYING_SECONDS
    while any(is_alive(process) for process in processes) and time.monotonic() < until:
        time.sleep(_POLL_SECONDS)


def _send(processes: Iterable[int], number: signal.Signals) -> None:
    for process in processes:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(process, number)


def read_if_there(path: Path) -> str:
    """Return what a file of a process says, nothing if the process has just ended."""
    try:
        return path.read_text()
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return ""


def _state(process: int, proc: Path) -> str:
    after_name = read_if_there(proc / str(process) / "stat").rpartition(")")[2].split()
    return after_name[0] if after_name else ""
