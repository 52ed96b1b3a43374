"""An attempt's processes: found as descendants or by a mark in their environment, and killed."""

from __future__ import annotations

import ctypes
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

_PROC = Path("/proc")
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_KILLING_SECONDS = 10.0
_PAUSE_SECONDS = 0.005
_KIB = 1024

_libc = ctypes.CDLL(None, use_errno=True)


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent dies."""
    if _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "cannot become a subreaper")


def die_with_parent() -> None:
    """Have the kernel kill this process when its parent dies."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def descendants() -> list[int]:
    """Return the descendants of this process, parents before children."""
    children: dict[int, list[int]] = {}
    for pid in _all_pids():
        parent = _parent_of(pid)
        if parent is not None:
            children.setdefault(parent, []).append(pid)
    found = list(children.get(os.getpid(), ()))
    for pid in found:
        found.extend(children.get(pid, ()))
    return found


def marked_with(variable: str, value: str) -> list[int]:
    """Return the other processes that were started with `variable=value` in their environment."""
    mark = f"{variable}={value}".encode()
    return [
        pid
        for pid in _all_pids()
        if pid != os.getpid() and mark in _read(_PROC / str(pid) / "environ").split(b"\0")
    ]


def summed_pss_bytes(pids: list[int]) -> int:
    """Return the memory of processes, a page shared by several counted once."""
    return sum(map(_pss_bytes, pids))


def kill_all(find: Callable[[], list[int]]) -> str:
    """Kill what `find` returns until it returns nothing; return what would not die."""
    give_up = time.monotonic() + _KILLING_SECONDS
    while pids := find():
        for pid in pids:
            send(pid, signal.SIGKILL)
        reap()
        if time.monotonic() > give_up:
            return f"processes {pids} could not be killed"
        time.sleep(_PAUSE_SECONDS)
    return ""


def send(pid: int, number: signal.Signals) -> None:
    """Send a signal to a process that may be gone or not ours."""
    with suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)


def reap() -> dict[int, int]:
    """Collect the children that have ended: exit codes by process id, negative for a signal."""
    collected: dict[int, int] = {}
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return collected
        if pid == 0:
            return collected
        collected[pid] = os.waitstatus_to_exitcode(status)


def _all_pids() -> Iterator[int]:
    return (int(name) for name in os.listdir(_PROC) if name.isdecimal())  # noqa: PTH208 - names only, at every tick


def _parent_of(pid: int) -> int | None:
    # The name, in brackets, may hold anything; the state and the parent follow its last bracket.
    fields = _read(_PROC / str(pid) / "stat").rpartition(b")")[2].split()
    return int(fields[1]) if len(fields) > 1 else None


def _pss_bytes(pid: int) -> int:
    for line in _read(_PROC / str(pid) / "smaps_rollup").splitlines():
        if line.startswith(b"Pss:"):
            return int(line.split()[1]) * _KIB
    resident = _read(_PROC / str(pid) / "statm").split()
    return int(resident[1]) * os.sysconf("SC_PAGE_SIZE") if len(resident) > 1 else 0


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:  # it has ended, or is not ours
        return b""
