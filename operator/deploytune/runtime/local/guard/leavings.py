"""What an attempt may leave behind, and its removal: processes, control groups, files, memory.

A guard clears up after its own attempt; where a guard was killed, the run does it in its place.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from deploytune.runtime.local.guard.control_groups import ControlGroup
from deploytune.runtime.local.guard.orders import SCRATCH_FOLDER, Orders
from deploytune.runtime.local.guard.processes import kill_all, marked_with

SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - where POSIX shared memory lives
MARK_VARIABLE = "DEPLOYTUNE_SHM_PREFIX"
"""The variable that marks every process of an attempt; its value is the attempt's alone."""


def control_groups_of(orders: Orders) -> list[ControlGroup]:
    """Return the control groups of an attempt, each once."""
    names = dict.fromkeys((orders.memory_group, orders.cpu_group))
    return [ControlGroup(Path(name)) for name in names if name is not None]


def clear_after_killed_guard(orders: Orders, attempt: Path) -> str:
    """Take away what a killed guard could not; return what would not go."""
    groups = control_groups_of(orders)

    def left() -> list[int]:
        in_groups = [pid for group in groups for pid in group.processes()]
        return in_groups or marked_with(MARK_VARIABLE, orders.shared_memory_prefix)

    return "; ".join(filter(None, (kill_all(left), clear(orders, attempt))))


def clear(orders: Orders, attempt: Path) -> str:
    """Remove the control groups, the scratch folder and the shared memory of dead processes.

    Returns:
        What could not be removed, empty if nothing is left.
    """
    complaints = [group.remove() for group in control_groups_of(orders)]
    complaints.extend(_remove_tree(attempt / SCRATCH_FOLDER))
    for path in _shared_memory(orders.shared_memory_prefix):
        complaints.extend(_remove_tree(path))
    return "; ".join(filter(None, complaints))


def _shared_memory(prefix: str) -> Iterator[Path]:
    for pattern in (f"{prefix}*", f"sem.{prefix}*"):
        yield from SHARED_MEMORY.glob(pattern)


def _remove_tree(path: Path) -> Iterator[str]:
    """Remove a file or folder without following links, yielding what fails."""
    try:
        if path.is_dir() and not path.is_symlink():
            for child in path.iterdir():
                yield from _remove_tree(child)
            path.rmdir()
        else:
            path.unlink(missing_ok=True)
    except OSError as error:
        yield f"{path} could not be removed: {error.strerror}"
