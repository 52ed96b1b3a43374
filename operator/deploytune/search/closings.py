"""Which values a strategy proposes no more for a while: a fold over the history like all it knows.

Only `TBA` with the preset `Paper` closes any, after failures in a row. The default models what
fails and closes nothing: what is believed to fail is merely tried late.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from deploytune.contract.models import Scalar
from deploytune.search.history import Knowledge
from deploytune.search.problem import Algorithm, Problem
from deploytune.search.strategies.tba_paper import PAPER, PUBLISHED, AnnealingState, fold


@dataclass(frozen=True)
class ClosedValue:
    """A value of a choice that is not proposed now.

    `failures` in a row closed it; it opens again once `until` trials have ended.
    """

    parameter: str
    value: Scalar
    failures: int
    until: int


def closes_values(algorithm: Algorithm) -> bool:
    """Tell whether a strategy closes values at all."""
    return algorithm.name == "TBA" and algorithm.preset == PAPER


def closed_values(problem: Problem, knowledge: Knowledge) -> tuple[ClosedValue, ...]:
    """Return what is closed now, in the order of parameters and values."""
    if not closes_values(problem.algorithm):
        return ()
    known = knowledge.within(problem.space).finished[: PUBLISHED.map_at_most]
    return _closed(fold(problem, known))


def closed_over_time(problem: Problem, knowledge: Knowledge) -> Iterator[tuple[ClosedValue, ...]]:
    """Yield what was closed after 0, 1, ... ended trials, the hand-off, which opens all, last."""
    if not closes_values(problem.algorithm):
        return
    known = knowledge.within(problem.space).finished
    for count in range(len(known) + 1):
        state = fold(problem, known[:count])
        yield _closed(state)
        if state.has_handed_off:
            return


def _closed(state: AnnealingState) -> tuple[ClosedValue, ...]:
    if state.has_handed_off:
        return ()
    closed = [
        ClosedValue(name, value, PUBLISHED.close_after or 0, int(until))
        for (name, kind, value), until in state.closed.items()
        if state.is_closed((name, kind, value))
    ]
    return tuple(sorted(closed, key=lambda one: (one.parameter, str(one.value))))
