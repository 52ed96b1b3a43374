"""What the kernel says of this process's own control group: kills, throttling, quota; v1 and v2.

A container sees its group at the root of the mount, a process outside one at the path that
`/proc/self/cgroup` names; both places are looked at. What is not there is not limited.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_MOUNT = Path("/sys/fs/cgroup")
_MEMBERSHIP = Path("/proc/self/cgroup")
_MEMORY_FILES = (
    ("memory.max", "memory.current"),
    ("memory.limit_in_bytes", "memory.usage_in_bytes"),
)
_FEWEST_CPUS = 0.01


@dataclass(frozen=True)
class Scheduling:
    """How many periods a group was scheduled in, and in how many its quota was spent."""

    periods: int = 0
    throttled: int = 0

    def throttled_share_since(self, earlier: Scheduling) -> float:
        """Return the share of throttled periods since an earlier reading."""
        periods = self.periods - earlier.periods
        return (self.throttled - earlier.throttled) / periods if periods > 0 else 0.0


class ControlGroup:
    """The control group of this process, read afresh at every question."""

    def __init__(self, mount: Path = _MOUNT, membership: Path = _MEMBERSHIP) -> None:
        """Find the group's folders under `mount` as the file `membership` names them."""
        self._mount = mount
        self._paths = _paths_by_controller(membership)

    def oom_kills(self) -> int:
        """Return how many processes of the group the kernel has killed for memory."""
        for folder in self._folders("memory"):
            for name in ("memory.events", "memory.oom_control"):
                counters = _counters(folder / name)
                if "oom_kill" in counters:
                    return counters["oom_kill"]
        return 0

    def scheduling(self) -> Scheduling:
        """Return the counters of the nearest group with a CPU quota."""
        for folder in self._folders("cpu"):
            if _quota(folder) is not None:
                counters = _counters(folder / "cpu.stat")
                return Scheduling(counters.get("nr_periods", 0), counters.get("nr_throttled", 0))
        return Scheduling()

    def memory_left_bytes(self) -> int | None:
        """Return how much memory is left to the tightest limit, None without a limit.

        Files that were read and are not needed any more count as left, as the kubelet has it.
        """
        left = [room for folder in self._folders("memory") if (room := _room(folder)) is not None]
        return min(left, default=None)

    def cpus(self) -> float:
        """Return how many CPUs this process may use: the tightest quota, or its affinity."""
        affinity = float(len(os.sched_getaffinity(0)))
        quotas = [quota for folder in self._folders("cpu") if (quota := _quota(folder))]
        return max(_FEWEST_CPUS, min([affinity, *quotas]))

    def _folders(self, controller: str) -> Iterator[Path]:
        """Yield the group's folder, then those above it: a parent's quota holds too."""
        for root, path in self._roots(controller):
            folder = root / path.lstrip("/")
            while True:
                if folder.is_dir():
                    yield folder
                if folder == root:
                    break
                folder = folder.parent

    def _roots(self, controller: str) -> Iterator[tuple[Path, str]]:
        if controller in self._paths:
            yield self._mount / controller, self._paths[controller]
        if "" in self._paths:
            yield self._mount, self._paths[""]


def _paths_by_controller(membership: Path) -> dict[str, str]:
    """Read lines such as `4:memory:/a` (v1) and `0::/a` (v2, under the empty name)."""
    paths = {}
    for line in _read(membership).splitlines():
        _, controllers, path = line.split(":", 2)
        for controller in controllers.split(","):
            paths[controller] = path
    return paths


def _quota(folder: Path) -> float | None:
    v2 = _read(folder / "cpu.max").split()
    v1 = [_read(folder / f"cpu.cfs_{name}_us").strip() for name in ("quota", "period")]
    quota, period = v2 if len(v2) == len(v1) else v1
    if quota in {"", "max"} or int(quota) <= 0:
        return None
    return int(quota) / int(period)


def _room(folder: Path) -> int | None:
    """Return a memory limit less what is in use; v1 says of no limit that it is enormous."""
    for limit_name, usage_name in _MEMORY_FILES:
        limit, used = (_read(folder / name).strip() for name in (limit_name, usage_name))
        if limit.isdigit() and used.isdigit():
            stat = _counters(folder / "memory.stat")
            idle = stat.get("total_inactive_file", stat.get("inactive_file", 0))
            return int(limit) - int(used) + idle
    return None


def _counters(path: Path) -> dict[str, int]:
    lines = (line.split() for line in _read(path).splitlines())
    return {name: int(value) for name, value in lines}


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
