"""What a peer is, to the runner."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from deploytune.bench.search.problems import BenchProblem
from deploytune.search.history import FinishedTrial, Parameters


class Session(Protocol):
    """One search on one problem."""

    def ask(self, index: int) -> Parameters | None:
        """Return what to try as trial `index`, None when there is nothing more to try now."""
        ...

    def tell(self, trial: FinishedTrial) -> None:
        """Say how a trial ended."""
        ...


Start = Callable[[BenchProblem, int, int], Session]
"""Starts a session from a problem, a budget of trials and a seed.

Only an oracle may look at more than the search problem inside.
"""


def _as_it_is(bench: BenchProblem) -> BenchProblem:
    return bench


@dataclass(frozen=True)
class Peer:
    """A search by name; one that looks at the budget needs a run for every budget.

    `check` refuses, in one line, a peer that cannot run here. `meets` is what a problem is to it:
    the problem itself, where it is the search that is compared.
    """

    name: str
    summary: str
    start: Start
    looks_at_budget: bool = False
    check: Callable[[], object] = object
    meets: Callable[[BenchProblem], BenchProblem] = _as_it_is
