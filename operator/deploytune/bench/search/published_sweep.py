"""The published budget sweep, played again: the paper's own two problems and its own measures.

They are the best objective among the trials that ended feasible (higher is better), and the share
of trials that did not. The objective is that of the trials, noise included; a run that found
nothing feasible has none and is left out of the mean, so the share of those stands beside it. The
median stands there too, since a few runs with hardly anything feasible decide the mean.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from deploytune.bench.search.matrix import Matrix
from deploytune.bench.search.peers import peer_named
from deploytune.bench.search.runs import Plan, trials_of
from deploytune.bench.search.statistics import estimate
from deploytune.bench.search.tables import as_markdown, shown
from deploytune.contract.outcomes import OutcomeKind
from deploytune.search.history import FinishedTrial

PUBLISHED = ("branin", "rosenbrock")
"""The classes of the paper's problems."""


@dataclass(frozen=True)
class Reading:
    """A run read after so many trials; `objective` is None where nothing was feasible."""

    objective: float | None
    waste: float


def reading(trials: Sequence[FinishedTrial], metric: str, count: int) -> Reading:
    """Read the first `count` trials of a run whose objective, a metric, is to be large."""
    read = trials[:count]
    feasible = [trial for trial in read if trial.outcome is OutcomeKind.FEASIBLE]
    return Reading(
        max((trial.metrics[metric] for trial in feasible), default=None),
        1 - len(feasible) / len(read) if read else 0.0,
    )


def published_sweep(
    matrix: Matrix, folder: Path | None, progress: Callable[[int, int], None]
) -> str:
    """Play every run and return, per problem, a table of strategies by budgets.

    Problems are kept in the folder, if one is given.
    """
    plans = matrix.plans()
    readings: dict[tuple[str, str, int], list[Reading]] = {}
    for done, plan in enumerate(plans, 1):
        bench, trials = trials_of(plan, folder)
        for budget in _read_at(plan, matrix.budgets):
            key = (plan.problem_class, plan.strategy, budget)
            read = reading(trials, bench.problem.objective.metric, budget)
            readings.setdefault(key, []).append(read)
        progress(done, len(plans))
    head = ["strategy", *(str(budget) for budget in matrix.budgets)]
    parts = []
    for problem in matrix.classes:
        body = [
            [name, *(_cell(readings[problem, name, budget]) for budget in matrix.budgets)]
            for name in matrix.strategies
        ]
        parts += [f"{problem}:", as_markdown(head, body)]
    return "\n\n".join(parts)


def _read_at(plan: Plan, budgets: Sequence[int]) -> Sequence[int]:
    """Return the budgets at which a run is read: its own where the strategy looks at it."""
    return (plan.budget,) if peer_named(plan.strategy).looks_at_budget else budgets


def _cell(readings: Sequence[Reading]) -> str:
    found = [one.objective for one in readings if one.objective is not None]
    waste = estimate({"": [one.waste for one in readings]})
    if not found:
        return f"nothing feasible; {waste.mean:.0%}"
    objective = shown(estimate({"": found}), 2)
    missing = len(readings) - len(found)
    without = f"; none in {missing / len(readings):.0%}" if missing else ""
    return f"{objective}, median {median(found):.2f}{without}; {waste.mean:.0%}"
