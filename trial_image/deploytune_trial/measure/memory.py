"""The peak memory of a process tree: proportional set size, so shared pages count once.

A thread samples the tree. Reading `smaps_rollup` walks page tables, so the pause between samples is
at least a multiple of what a sample costs: measuring must not disturb what is measured.
"""

from __future__ import annotations

import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from deploytune_trial.process_tree import PROC, process_tree, read_if_there

_INTERVAL_SECONDS = 0.1
_PAUSE_PER_COST = 25  # a sample may take a 26th of one core
_KIB_PER_MIB = 1024


def tree_pss_kib(root: int, proc: Path = PROC) -> int:
    """Return the proportional set size of a process tree."""
    return sum(_pss_kib(proc / str(process)) for process in process_tree(root, proc))


class PeakMemory:
    """Samples a process tree from `with` to its end and keeps the peak."""

    def __init__(self, root: int) -> None:
        """Watch the tree under `root`."""
        self._root = root
        self._peak_kib = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._sample_until_ended, daemon=True)

    def __enter__(self) -> Self:
        """Begin sampling."""
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Sample once more and end."""
        self._ended.set()
        self._thread.join()

    @property
    def peak_mib(self) -> float:
        """The largest sum seen so far."""
        return self._peak_kib / _KIB_PER_MIB

    def _sample_until_ended(self) -> None:
        ended = False
        while not ended:
            ended = self._ended.is_set()
            began = time.perf_counter()
            self._peak_kib = max(self._peak_kib, tree_pss_kib(self._root))
            cost = time.perf_counter() - began
            self._ended.wait(max(_INTERVAL_SECONDS, _PAUSE_PER_COST * cost))


def _pss_kib(process: Path) -> int:
    for line in read_if_there(process / "smaps_rollup").splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1])
    return 0
