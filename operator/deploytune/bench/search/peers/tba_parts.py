"""The parts of the product's default `TBA`, and what stands in the place of each to switch it off.

An entry of `CHANGES` is one part: the summaries of `ablations` say what is missing then.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from deploytune.bench.search.peers.substitution import Changes
from deploytune.search.history import FinishedTrial, Knowledge
from deploytune.search.problem import Constraint, Problem
from deploytune.search.thermal.arrays import Floats
from deploytune.search.thermal.kernel import CONSTANT, Likeness
from deploytune.search.thermal.outputs import Observed, losses
from deploytune.search.thermal.regression import Expected

_HARDLY = 1e-3  # trials that an expectation is worth: some, since one target has no spread
_EVEN = 1.5  # of each label: as many trials in all as the product assumes, at even odds
_NEVER = 1_000_000


def _covariance(order: int) -> Callable[[Likeness, Floats], Floats]:
    """Return the sum over values, and with order 2 over pairs of them, but no further."""

    def covariance(likeness: Likeness, weights: Floats) -> Floats:
        alike = likeness.by_column.reshape(len(likeness.by_column), -1)
        first = weights @ alike
        total = CONSTANT + first
        if order > 1:
            total = total + (first**2 - weights**2 @ alike**2) / 2
        return np.asarray(total.reshape(likeness.by_column.shape[1:]))

    return covariance


def _gradient(order: int) -> Callable[[Likeness, Floats, Floats], Floats]:
    """Return what a change of each weight does to that sum."""

    def gradient_against(likeness: Likeness, weights: Floats, outer: Floats) -> Floats:
        alike = likeness.by_column.reshape(len(likeness.by_column), -1)
        others = weights @ alike - weights[:, None] * alike
        changes = alike * (1 + others) if order > 1 else alike
        return np.asarray(changes @ outer.ravel())

    return gradient_against


def _is_feasible(_problem: Problem, trials: Sequence[FinishedTrial]) -> Observed:
    return Observed(np.arange(len(trials)), np.array([float(t.is_feasible) for t in trials]))


def _no_margins(_constraint: Constraint, _trials: Sequence[FinishedTrial]) -> Observed:
    return Observed(np.array([], dtype=np.intp), np.array([]))


def _losses_of_feasible(problem: Problem, trials: Sequence[FinishedTrial]) -> Observed:
    every = losses(problem, trials)
    kept = np.array([trials[row].is_feasible for row in every.rows], dtype=bool)
    return Observed(every.rows[kept], every.values[kept])


def _always(temperature: float) -> Callable[[Problem, Knowledge], float]:
    def fixed(_problem: Problem, _knowledge: Knowledge) -> float:
        return temperature

    return fixed


def _likeness_up_to(order: int) -> Changes:
    place = "deploytune.search.thermal.kernel:Likeness"
    return {
        f"{place}.covariance": _covariance(order),
        f"{place}.gradient_against": _gradient(order),
    }


_CHOOSING, _BELIEFS = "deploytune.search.thermal.choosing", "deploytune.search.thermal.beliefs"
_OUTPUTS, _CANDIDATES = "deploytune.search.thermal.outputs", "deploytune.search.thermal.candidates"
_LABELS, _NUMBERS = (
    "deploytune.search.thermal.classification",
    "deploytune.search.thermal.regression",
)

CHANGES: dict[str, Changes] = {
    "no-quota": {f"{_CHOOSING}:MOST_TRIES": 0},
    "no-curiosity": {f"{_CHOOSING}:CURIOSITY": 0.0},
    "no-hint": {f"{_CHOOSING}:OBJECTIVE_HINT": 0.0},
    "labels": {f"{_OUTPUTS}:ran": _is_feasible, f"{_OUTPUTS}:margins": _no_margins},
    "feasible-objective": {f"{_OUTPUTS}:losses": _losses_of_feasible},
    "no-triples": _likeness_up_to(2),
    "no-pairs": _likeness_up_to(1),
    "no-expected": {
        f"{_BELIEFS}:MARGINS": Expected(spread=1.0, worth=_HARDLY),
        f"{_BELIEFS}:LOSSES": Expected(spread=1.0, worth=_HARDLY),
    },
    "even-odds": {f"{_LABELS}:PRIOR_YES": _EVEN, f"{_LABELS}:PRIOR_NO": _EVEN},
    "equal-parameters": {f"{_BELIEFS}:FAMILY_WEIGHT": 1.0},
    "fixed-weights": {f"{_NUMBERS}:LEAST_ROWS": _NEVER},
    "no-moves": {f"{_CANDIDATES}:NEAR_EACH": 0},
    "hot": {f"{_CHOOSING}:_temperature": _always(1.0)},
    "cold": {f"{_CHOOSING}:_temperature": _always(0.0)},
}
"""What to put where, by the name of the ablation."""
