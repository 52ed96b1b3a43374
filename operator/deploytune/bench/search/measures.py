"""What is read from a row at a budget: the figures that tables and plots compare.

Every measure is of one run at one number of trials. One that a run cannot have (trials to the first
feasible of a run that found none) counts as the budget: the least that it can have been.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from deploytune.bench.search.runs import Plan, Row

_TOP = 0.01


@dataclass(frozen=True)
class Measure:
    """A figure by name; `read` takes a row and a number of trials."""

    name: str
    meaning: str
    read: Callable[[Row, int], float]
    digits: int = 2
    less_is_better: bool = True


def _discovery(row: Row, trials: int) -> float:
    return float(row.discovered[:trials][-1]) if row.discovered else 0.0


def _regret(row: Row, trials: int) -> float:
    return row.regret[:trials][-1] if row.regret else 1.0


def _waste(row: Row, trials: int) -> float:
    wasted = row.wasted[:trials]
    return sum(wasted) / len(wasted) if wasted else 0.0


def _waste_in_seconds(row: Row, trials: int) -> float:
    pairs = list(zip(row.wasted[:trials], row.seconds[:trials], strict=True))
    total = sum(seconds for _, seconds in pairs)
    return sum(seconds for wasted, seconds in pairs if wasted) / total if total else 0.0


def _first_feasible(row: Row, trials: int) -> float:
    feasible = row.feasible[:trials]
    return float(feasible.index(True) + 1 if True in feasible else trials)


def _seconds_to_feasible(row: Row, trials: int) -> float:
    return sum(row.seconds[: int(_first_feasible(row, trials))])


def _rank(row: Row, trials: int) -> float:
    return row.rank[:trials][-1] if row.rank[:trials] else 1.0


def _is_at_the_top(row: Row, trials: int) -> float:
    return float(_rank(row, trials) < _TOP)


def _ask_p50(row: Row, _trials: int) -> float:
    return row.ask_ms[0]


def _ask_p95(row: Row, _trials: int) -> float:
    return row.ask_ms[1]


DISCOVERY = Measure(
    "discovery",
    "share of runs whose best truly feasible configuration is of the best family",
    _discovery,
    less_is_better=False,
)
REGRET = Measure("regret", "of the best truly feasible configuration found, 0 to 1", _regret, 3)
WASTE = Measure("waste", "share of trials that are not truly feasible", _waste)

MEASURES = (
    DISCOVERY,
    REGRET,
    WASTE,
    Measure("waste (s)", "the same, as a share of seconds", _waste_in_seconds),
    Measure("first", "trials to the first truly feasible one", _first_feasible, 1),
    Measure("first (s)", "seconds of trials to the first truly feasible", _seconds_to_feasible, 0),
    Measure("ask p50", "milliseconds of a proposal over the whole run, median", _ask_p50, 1),
    Measure("ask p95", "the same, 95th percentile", _ask_p95, 1),
)
"""Every measure, in the order of the tables."""

RANKS = (
    Measure(
        "top 1 %",
        "share of runs whose best truly feasible configuration found has less than 1 % of all "
        "truly feasible ones above it",
        _is_at_the_top,
        less_is_better=False,
    ),
    Measure("rank", "share of all truly feasible configurations above the best found", _rank, 3),
)
"""Measures of classes of which every truly feasible configuration is known."""


def at_budget(rows: Iterable[Row], trials: int) -> list[Row]:
    """Return, of each run, the row to read at a number of trials.

    That is the one with the smallest budget that is large enough: of a strategy that looks at the
    budget the run with just that one, of any other its single long run.
    """
    best: dict[Plan, Row] = {}
    for row in rows:
        plan = row.plan
        key = Plan(plan.problem_class, plan.seed, plan.strategy, plan.in_flight, 0)
        if plan.budget >= trials and (key not in best or plan.budget < best[key].plan.budget):
            best[key] = row
    return list(best.values())
