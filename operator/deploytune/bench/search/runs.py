"""One run: a search on a problem, its trials in flight on a simulated clock.

Trials end when their own seconds are over, so results arrive out of order. The time of an ask is
measured, and does not move the clock. A row holds the course of the whole run, one figure per
trial in the order of their ends, so that any smaller budget can be read from it.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

from deploytune.bench.search.chance import chance
from deploytune.bench.search.keeping import kept_problem
from deploytune.bench.search.peers import Session, peer_named
from deploytune.bench.search.problems import BenchProblem
from deploytune.contract.outcomes import OutcomeKind
from deploytune.search.history import FinishedTrial

_NONE_YET = 1.0  # regret before anything truly feasible was found
_LAST = 1.0  # rank of nothing


@dataclass(frozen=True, order=True)
class Plan:
    """What a run is: the key of its row."""

    problem_class: str
    seed: int
    strategy: str
    in_flight: int
    budget: int


@dataclass(frozen=True)
class Row:
    """How a run went.

    Per trial: `regret` of the best found so far, `discovered` whether that belongs to the best
    family, `feasible` whether the trial was found feasible and truly is, `wasted` whether its
    configuration truly is not, `seconds` of the trial. `rank` is the share of all truly feasible
    configurations that is better than the best found so far, 1 before anything was found; it is
    empty where not all of them are known.
    """

    plan: Plan
    regret: tuple[float, ...]
    discovered: tuple[bool, ...]
    feasible: tuple[bool, ...]
    wasted: tuple[bool, ...]
    seconds: tuple[float, ...]
    ask_ms: tuple[float, float]
    rank: tuple[float, ...] = ()


def run(plan: Plan, folder: Path | None = None) -> Row:
    """Play one run; the same plan gives the same row, the time of its asks aside.

    Problems are kept in the folder, if one is given.
    """
    asks: list[float] = []
    bench, trials = trials_of(plan, folder, asks.append)
    return scored(bench, plan, trials, quantiles(asks))


def trials_of(
    plan: Plan, folder: Path | None, asked: Callable[[float], object] = float
) -> tuple[BenchProblem, list[FinishedTrial]]:
    """Play one run; return the problem as the strategy met it, and the trials as they ended.

    The seconds that each ask took go to `asked`.
    """
    peer = peer_named(plan.strategy)
    bench = peer.meets(kept_problem(folder, plan.problem_class, plan.seed))
    session = peer.start(bench, plan.budget, plan.seed)
    return bench, list(played(bench, session, plan, asked))


def played(
    bench: BenchProblem, session: Session, plan: Plan, asked: Callable[[float], object]
) -> Iterator[FinishedTrial]:
    """Yield the trials as they end; the seconds that each ask took go to `asked`."""
    clock = 0.0
    flying: list[tuple[float, int, FinishedTrial]] = []
    index = 0
    while True:
        while len(flying) < plan.in_flight and index < plan.budget:
            before = perf_counter()
            parameters = session.ask(index)
            asked(perf_counter() - before)
            if parameters is None:
                break
            noise = chance("noise", plan.problem_class, plan.seed, index)
            ending = bench.system.outcome(parameters, noise)
            trial = FinishedTrial(index, parameters, ending.kind, ending.metrics, ending.seconds)
            heapq.heappush(flying, (clock + ending.seconds, index, trial))
            index += 1
        if not flying:
            return
        clock, _, ended = heapq.heappop(flying)
        session.tell(ended)
        yield ended


def scored(
    bench: BenchProblem, plan: Plan, trials: list[FinishedTrial], ask_ms: tuple[float, float]
) -> Row:
    """Return the row of a run from its trials, in the order of their ends."""
    regret, discovered = _NONE_YET, False
    best_loss = float("inf")
    regrets, discoveries, feasible, wasted, ranks = [], [], [], [], []
    rank = _LAST
    for trial in trials:
        truth = bench.system.truth(trial.parameters)
        found = truth.feasible and trial.outcome is OutcomeKind.FEASIBLE
        if found and bench.answer and truth.loss is not None and truth.loss < best_loss:
            best_loss = truth.loss
            regret = bench.answer.regret(best_loss)
            discovered = bench.discovers(trial.parameters, regret)
            rank = bench.answer.rank(best_loss) if bench.answer.losses else _LAST
        regrets.append(round(regret, 5))
        ranks.append(round(rank, 5))
        discoveries.append(discovered)
        feasible.append(found)
        wasted.append(not truth.feasible)
    seconds = tuple(round(trial.seconds, 3) for trial in trials)
    return Row(
        plan,
        tuple(regrets),
        tuple(discoveries),
        tuple(feasible),
        tuple(wasted),
        seconds,
        ask_ms,
        tuple(ranks) if bench.answer and bench.answer.losses else (),
    )


def quantiles(seconds: list[float]) -> tuple[float, float]:
    """Return the 50th and 95th percentile in milliseconds."""
    if not seconds:
        return (0.0, 0.0)
    ordered = sorted(seconds)
    last = len(ordered) - 1
    return (
        round(1000 * ordered[round(0.5 * last)], 3),
        round(1000 * ordered[round(0.95 * last)], 3),
    )
