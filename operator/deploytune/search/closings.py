"""Which values a strategy proposes no more for a while: a fold over the history like all it knows.

Only `TBA` with the preset `Paper` closes any, after failures in a row. The default models what
fails and closes nothing: what is believed to fail is merely tried late.
"""

from __future__ import annotations

from dataclasses import dataclass

from deploytune.contract.models import Scalar
from deploytune.search.history import Knowledge
from deploytune.search.problem import Algorithm, Problem
from deploytune.search.strategies.tba_paper import PAPER, PUBLISHED, fold


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
    state = fold(problem, known)
    if state.has_handed_off:
        return ()
    closed = [
        ClosedValue(name, value, PUBLISHED.close_after or 0, int(until))
        for (name, kind, value), until in state.closed.items()
        if state.is_closed((name, kind, value))
    ]
    return tuple(sorted(closed, key=lambda one: (one.parameter, str(one.value))))
