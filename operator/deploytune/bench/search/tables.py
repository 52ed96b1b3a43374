"""Results as markdown: overall, against one strategy in pairs, and by class.

Overall means are means of class means. A class where nothing is feasible has no discovery and no
regret, and stands in a table of its own. So does a class that replays a real table, with ranks.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from os import cpu_count

from deploytune import __version__
from deploytune.bench.search.catalogue import RECORDED, SUMMARIES
from deploytune.bench.search.measures import (
    DISCOVERY,
    MEASURES,
    RANKS,
    REGRET,
    WASTE,
    Measure,
    at_budget,
)
from deploytune.bench.search.peers import KNOWN
from deploytune.bench.search.runs import Row
from deploytune.bench.search.statistics import Estimate, Groups, estimate, paired_differences

NOTHING = "nothing"
RANKED = (*RANKS, *MEASURES)
_PACKAGES = ("optuna", "smac", "hyperopt", "numpy")


def heading(rows: Sequence[Row], machine: str | None = None) -> str:
    """Return a paragraph that says on what, when and with which versions this was made."""
    seeds = sorted({row.plan.seed for row in rows})
    versions = [f"deploytune {__version__}", f"Python {platform.python_version()}"]
    versions += [f"{name} {found}" for name in _PACKAGES if (found := _version(name))]
    where = machine or f"{cpu_count()} cores, {platform.machine()}, {platform.system()}"
    return (
        f"{datetime.now(UTC):%Y-%m-%d}; {where}; {', '.join(versions)}. "
        f"{len(rows)} runs, seeds {seeds[0]} to {seeds[-1]}. "
        "Means of class means, in brackets 95 % bootstrap intervals over seeds."
    )


def build_tables(rows: Sequence[Row], budgets: Sequence[int], against: str | None) -> str:
    """Return all tables of the rows, for each number in flight and each budget."""
    parts = []
    for in_flight in sorted({row.plan.in_flight for row in rows}):
        flying = [row for row in rows if row.plan.in_flight == in_flight]
        for budget in budgets:
            read = at_budget(flying, budget)
            if read:
                parts.extend(_of_budget(read, in_flight, budget, against))
    return "\n\n".join(parts) + "\n"


def _of_budget(rows: Sequence[Row], in_flight: int, budget: int, against: str | None) -> list[str]:
    apart = (NOTHING, *RECORDED)
    possible = [row for row in rows if row.plan.problem_class not in apart]
    title = f"{budget} trials, {in_flight} in flight"
    parts = []
    if possible:
        parts += [f"### {title}", _overall(possible, budget)]
        if against is not None:
            parts += [
                *_against(possible, budget, against),
                f"Regret by class, paired against {against}:",
                _by_class(possible, partial(_differences, possible, against, budget, REGRET)),
            ]
        for measure in (DISCOVERY, REGRET, WASTE):
            parts += [
                f"{measure.name.capitalize()} by class:",
                _by_class(possible, partial(_groups, possible, budget, measure)),
            ]
    for name in RECORDED:
        recorded = [row for row in rows if row.plan.problem_class == name]
        if recorded:
            parts += [f"{name.capitalize()}, {title}:", _overall(recorded, budget, RANKED)]
            if against is not None:
                parts += _against(recorded, budget, against, RANKED)
    impossible = [row for row in rows if row.plan.problem_class == NOTHING]
    if impossible:
        parts += [f"Nothing feasible, {title}:", _spent(impossible)]
    return parts


def _spent(rows: Sequence[Row]) -> str:
    """Return what was spent where nothing is feasible, until the search gave up or was stopped."""
    body = []
    for strategy in strategies_of(rows):
        own = [row for row in rows if row.plan.strategy == strategy]
        trials = sum(len(row.seconds) for row in own) / len(own)
        body.append([strategy, f"{trials:.1f}", f"{sum(map(_seconds, own)) / len(own):.0f}"])
    return as_markdown(["strategy", "trials", "seconds"], body)


def _seconds(row: Row) -> float:
    return sum(row.seconds)


def _overall(rows: Sequence[Row], budget: int, measures: Sequence[Measure] = MEASURES) -> str:
    body = [
        [
            strategy,
            *(shown(estimate(groups_of(rows, strategy, budget, m)), m.digits) for m in measures),
        ]
        for strategy in strategies_of(rows)
    ]
    return as_markdown(["strategy", *(measure.name for measure in measures)], body)


def _against(
    rows: Sequence[Row], budget: int, against: str, measures: Sequence[Measure] = MEASURES
) -> list[str]:
    return [f"Paired against {against}:", _paired(rows, budget, against, measures)]


def _paired(rows: Sequence[Row], budget: int, against: str, measures: Sequence[Measure]) -> str:
    body = []
    for strategy in strategies_of(rows):
        if strategy != against:
            cells = []
            for measure in measures:
                pairs = _differences(rows, against, budget, measure, strategy).groups
                cells.append(shown(estimate(pairs), measure.digits, signed=True) if pairs else "")
            body.append([strategy, *cells])
    return as_markdown(["strategy", *(measure.name for measure in measures)], body)


@dataclass(frozen=True)
class _Figures:
    """Figures of one strategy by class, and how they are written."""

    groups: Groups
    digits: int
    signed: bool = False


def _groups(rows: Sequence[Row], budget: int, measure: Measure, strategy: str) -> _Figures:
    return _Figures(groups_of(rows, strategy, budget, measure), measure.digits)


def _differences(
    rows: Sequence[Row], against: str, budget: int, measure: Measure, strategy: str
) -> _Figures:
    """Return the differences to another strategy, over the problems that both have."""
    own, other = (_figures(rows, name, budget, measure) for name in (strategy, against))
    return _Figures(paired_differences(own, other), measure.digits, signed=True)


def _by_class(rows: Sequence[Row], figures_of: Callable[[str], _Figures]) -> str:
    strategies = strategies_of(rows)
    figures = [figures_of(strategy) for strategy in strategies]
    body = []
    for name in _ordered((row.plan.problem_class for row in rows), SUMMARIES):
        cells = []
        for each in figures:
            own = each.groups.get(name)
            cells.append(
                shown(estimate({name: own}), each.digits, signed=each.signed) if own else ""
            )
        body.append([name, *cells])
    return as_markdown(["class", *strategies], body)


def strategies_of(rows: Iterable[Row]) -> list[str]:
    """Return the strategies of the rows, in the order of the catalogue."""
    return _ordered((row.plan.strategy for row in rows), KNOWN)


def _ordered(names: Iterable[str], known: Iterable[str]) -> list[str]:
    """Return each name once, those that are known first, in their order."""
    there = dict.fromkeys(names)
    first = [name for name in known if name in there]
    return [*first, *(name for name in there if name not in first)]


def _figures(
    rows: Iterable[Row], strategy: str, budget: int, measure: Measure
) -> dict[tuple[str, int], float]:
    return {
        (row.plan.problem_class, row.plan.seed): measure.read(row, budget)
        for row in rows
        if row.plan.strategy == strategy
    }


def groups_of(
    rows: Iterable[Row], strategy: str, budget: int, measure: Measure
) -> dict[str, list[float]]:
    """Return the figures of a strategy by class."""
    groups: dict[str, list[float]] = {}
    for (name, _), figure in sorted(_figures(rows, strategy, budget, measure).items()):
        groups.setdefault(name, []).append(figure)
    return groups


def shown(one: Estimate, digits: int, *, signed: bool = False) -> str:
    """Return a mean with its interval."""
    sign = "+" if signed else ""
    low, high = f"{one.low:{sign}.{digits}f}", f"{one.high:{sign}.{digits}f}"
    return f"{one.mean:{sign}.{digits}f} [{low}, {high}]"


def as_markdown(head: Sequence[str], body: Iterable[Sequence[str]]) -> str:
    """Return a table of cells."""
    rows = [head, ["---"] * len(head), *body]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
