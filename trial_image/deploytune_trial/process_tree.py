"""A process and all that it has started, as /proc shows them."""

from __future__ import annotations

from pathlib import Path

PROC = Path("/proc")

_DEAD = ("Z", "X")


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


def read_if_there(path: Path) -> str:
    """Return what a file of a process says, nothing if the process has just ended."""
    try:
        return path.read_text()
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return ""


def _state(process: int, proc: Path) -> str:
    after_name = read_if_there(proc / str(process) / "stat").rpartition(")")[2].split()
    return after_name[0] if after_name else ""
