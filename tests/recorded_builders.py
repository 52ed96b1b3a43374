"""Tables for tests: what a few configurations measured, and a contest of families."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from recording_builders import ACCURACY, LIMITS, MEMORY, P50, P95
from search_builders import a_choice

from deploytune.bench.search.recorded.system import RecordedSystem
from deploytune.bench.search.recorded.table import Measurement, Table
from deploytune.contract.limits import Limit
from deploytune.contract.metrics import Direction
from deploytune.contract.outcomes import OutcomeKind
from deploytune.search.problem import Objective
from deploytune.search.space import Space

ONE_CHOICE = Space((a_choice("model", "small", "large"),))
SMALL, LARGE = {"model": "small"}, {"model": "large"}
FAMILIES = ("slight", "plain", "accurate", "crashing")


def measured(
    p95: float = 5.0,
    *,
    accuracy: float = 0.9,
    memory: float = 100.0,
    outcome: OutcomeKind = OutcomeKind.FEASIBLE,
    seconds: float = 6.0,
) -> Measurement:
    metrics = {P95: p95, P50: p95 / 2, MEMORY: memory, ACCURACY: accuracy}
    return Measurement(outcome, metrics, seconds)


def failed(outcome: OutcomeKind = OutcomeKind.CRASHED, seconds: float = 2.0) -> Measurement:
    return Measurement(outcome, {}, seconds)


def a_table(small: Sequence[Measurement], large: Sequence[Measurement] = ()) -> Table:
    """A table of two configurations."""
    key = ONE_CHOICE.key
    large = large or (failed(),)
    return Table(ONE_CHOICE, LIMITS, {key(SMALL): tuple(small), key(LARGE): tuple(large)})


def a_system(
    small: Sequence[Measurement],
    *,
    objective: str = ACCURACY,
    direction: Direction = Direction.MAXIMIZE,
    limits: tuple[Limit, ...] = LIMITS,
) -> RecordedSystem:
    return RecordedSystem(a_table(small), Objective(objective, direction), limits)


def a_contest() -> Table:
    """Four families of 24 configurations; the accurate one has one that keeps a latency limit."""
    space = Space(
        (
            a_choice("model", *FAMILIES),
            a_choice("threads", 1, 2, 3, 4),
            a_choice("batch", 1, 2, 4, 8, 16, 32),
        )
    )
    rows: Mapping[str, tuple[float, float]] = {
        "slight": (0.955, 4.0),
        "plain": (0.975, 6.0),
        "accurate": (0.995, 21.0),
    }
    table = {}
    for one in space.configurations():
        threads, batch = float(one["threads"]), float(one["batch"])
        accuracy, p95 = rows.get(str(one["model"]), (0.0, 0.0))
        slower = p95 * (1 + 0.1 * (threads - 1) + 0.05 * (batch - 1))
        runs = (measured(slower, accuracy=accuracy, memory=80.0 + 30 * threads),)
        table[space.key(one)] = runs if accuracy else (failed(),)
    return Table(space, LIMITS, table)
