"""Many runs: strategies x classes x seeds x trials in flight, on several processes, resumable.

The plan has a fixed order, and rows are written in it, so the file is the same whatever the number
of processes. Rows that are there already are not played again.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path

from deploytune.bench.search.catalogue import check_classes, check_seeds
from deploytune.bench.search.peers import check_peers, peer_named
from deploytune.bench.search.problems import MOST_TRIALS
from deploytune.bench.search.results import append_rows, read_rows
from deploytune.bench.search.runs import Plan, Row, run
from deploytune.contract.errors import InvalidTuningError

PROBLEMS = "deploybench-problems"
"""The folder of kept problems, beside the results."""

_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@dataclass(frozen=True)
class Matrix:
    """What is to be run."""

    strategies: tuple[str, ...]
    classes: tuple[str, ...]
    seeds: range
    in_flight: tuple[int, ...]
    budgets: tuple[int, ...]

    def __post_init__(self) -> None:
        """Refuse what cannot be run.

        Raises:
            InvalidTuningError: an unknown strategy or class, seeds of no split, a wrong number.
            MachineError: a strategy needs a package that is not installed.
        """
        check_peers(self.strategies)
        check_classes(self.classes)
        check_seeds(self.seeds)
        for field, numbers in (("in-flight", self.in_flight), ("budgets", self.budgets)):
            for number in numbers:
                if not 1 <= number <= MOST_TRIALS:
                    raise InvalidTuningError(field, f"must be 1 to {MOST_TRIALS}", number)

    def plans(self) -> list[Plan]:
        """Return every run: for a strategy that looks at the budget, one for each."""
        return [
            Plan(problem_class, seed, strategy, in_flight, budget)
            for problem_class in self.classes
            for seed in self.seeds
            for strategy in self.strategies
            for in_flight in self.in_flight
            for budget in self._budgets(strategy)
        ]

    def _budgets(self, strategy: str) -> tuple[int, ...]:
        return self.budgets if peer_named(strategy).looks_at_budget else (max(self.budgets),)


def run_matrix(
    matrix: Matrix, file: Path, processes: int, progress: Callable[[int, int], None]
) -> int:
    """Play what the file does not hold yet, append it, and return how many runs that were.

    Problems are kept in a folder beside the file.

    Raises:
        MachineError: the file cannot be read or written.
    """
    there = {row.plan for row in read_rows(file)}
    missing = [plan for plan in matrix.plans() if plan not in there]

    def counted(rows: Iterator[Row]) -> Iterator[Row]:
        for done, row in enumerate(rows, 1):
            yield row
            progress(done, len(missing))

    return append_rows(file, counted(_rows(missing, processes, file.parent / PROBLEMS)))


def _rows(plans: Sequence[Plan], processes: int, folder: Path) -> Iterator[Row]:
    for name in _THREADS:  # of linear algebra: a process is one core
        os.environ.setdefault(name, "1")
    play = partial(run, folder=folder)
    if processes == 1:
        yield from map(play, plans)
        return
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        yield from pool.map(play, plans, chunksize=_chunk(plans))


def _chunk(plans: Sequence[Plan]) -> int:
    """Return how many plans in a row share a problem: one process makes it once."""
    first = (plans[0].problem_class, plans[0].seed) if plans else None
    return max(sum((plan.problem_class, plan.seed) == first for plan in plans), 1)
