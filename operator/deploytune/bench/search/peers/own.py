"""The product's own strategies, through the same function that tunings use."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from types import MappingProxyType

from deploytune.bench.search.peers.port import Peer
from deploytune.bench.search.problems import BenchProblem
from deploytune.search.history import FinishedTrial, InFlight, Knowledge, Parameters
from deploytune.search.problem import Algorithm, Problem
from deploytune.search.proposing import next_proposal
from deploytune.search.strategies import strategy_for
from deploytune.search.strategies.strategy import Strategy

OWN: Mapping[str, Algorithm] = MappingProxyType(
    {
        "random": Algorithm("Random"),
        "tpe": Algorithm("TPE"),
        "tba-paper": Algorithm("TBA", preset="Paper"),
        "tba": Algorithm("TBA"),
    }
)
"""The product's own strategies, by the names of their peers."""


def own_peer(
    name: str,
    summary: str,
    algorithm: Algorithm,
    *,
    looks_at_budget: bool = False,
    strategy: Callable[[], Strategy] | None = None,
) -> Peer:
    """Return a strategy as a peer: the algorithm's own one, or what `strategy` builds."""
    build = strategy or partial(strategy_for, algorithm)
    start, check = partial(_start, algorithm, build), build
    return Peer(name, summary, start, looks_at_budget=looks_at_budget, check=check)


def _start(
    algorithm: Algorithm,
    build: Callable[[], Strategy],
    bench: BenchProblem,
    budget: int,
    seed: int,
) -> OwnSession:
    seeded = replace(algorithm, seed=seed)
    return OwnSession(replace(bench.problem, max_trials=budget, algorithm=seeded), build())


class OwnSession:
    """Keeps the history, as the operator does."""

    def __init__(self, problem: Problem, strategy: Strategy) -> None:
        self._problem = problem
        self._strategy = strategy
        self._knowledge = Knowledge()

    def ask(self, index: int) -> Parameters | None:
        """Return the next proposal."""
        proposal = next_proposal(self._problem, self._knowledge, index, strategy=self._strategy)
        if proposal is None:
            return None
        flying = (*self._knowledge.in_flight, InFlight(index, proposal.parameters))
        self._knowledge = replace(self._knowledge, in_flight=flying)
        return proposal.parameters

    def tell(self, trial: FinishedTrial) -> None:
        """Move a trial from those in flight to the finished ones."""
        flying = tuple(one for one in self._knowledge.in_flight if one.index != trial.index)
        finished = (*self._knowledge.finished, trial)
        self._knowledge = replace(self._knowledge, finished=finished, in_flight=flying)
