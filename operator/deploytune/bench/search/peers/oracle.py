"""The oracle: a search that knows what is feasible, and has only the objective to learn.

Its candidates are the truly feasible configurations that the problem knows, and truly feasible
neighbours of the best trials so far. A Gaussian process over values and pairs of values predicts
the objective, and the largest expected improvement is tried next. What it reaches is about the
most that learning which configurations are feasible could bring. Where nothing is feasible, it
proposes nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from deploytune.bench.search.chance import chance
from deploytune.bench.search.problems import BenchProblem
from deploytune.search.history import FinishedTrial, Parameters
from deploytune.search.neighbours import neighbour
from deploytune.search.parameters import Parameter
from deploytune.search.ranking import loss_of

_Matrix = NDArray[np.float64]

_WEIGHTS = 2.0  # of all single parameters together; the family counts double
_CONSTANT, _NOISE = 0.25, 0.02
_SHORT, _LONG = 0.3, 1.2  # lengths along a number
_PARENTS, _CHILDREN = 3, 20
_CANDIDATES = 200


def start_oracle(bench: BenchProblem, _budget: int, seed: int) -> OracleSession:
    """Start a session."""
    return OracleSession(bench, seed)


class OracleSession:
    """Knows the truth about feasibility, and learns the objective."""

    def __init__(self, bench: BenchProblem, seed: int) -> None:
        self._bench = bench
        self._seed = seed
        self._asked: dict[int, Parameters] = {}
        self._losses: dict[int, float] = {}

    def ask(self, index: int) -> Parameters | None:
        """Return the truly feasible configuration with the largest expected improvement."""
        candidates = self._candidates(index)
        if not candidates:
            return None
        chosen = candidates[self._most_promising(candidates) if self._losses else 0]
        self._asked[index] = chosen
        return chosen

    def tell(self, trial: FinishedTrial) -> None:
        """Learn the objective, also of one that noise made look infeasible."""
        loss = loss_of(self._bench.problem, trial)
        if loss is not None:
            self._losses[trial.index] = math.asinh(loss)  # losses may span decades

    def _candidates(self, index: int) -> list[Parameters]:
        known = self._bench.answer.feasible if self._bench.answer else ()
        rng = chance("oracle", self._seed, index)
        found = rng.sample(known, min(_CANDIDATES, len(known)))
        space = self._bench.problem.space
        for place in sorted(self._losses, key=self._losses.__getitem__)[:_PARENTS]:
            for _ in range(_CHILDREN):
                child = neighbour(space, self._asked[place], rng, 0.5)
                if self._bench.system.truth(child).feasible:
                    found.append(child)
        tried = {space.key(one) for one in self._asked.values()}
        return [one for one in found if space.key(one) not in tried]

    def _most_promising(self, candidates: list[Parameters]) -> int:
        told = list(self._losses.values())
        centre, scale = float(np.mean(told)), float(np.std(told)) or 1.0
        pending = [index for index in self._asked if index not in self._losses]
        rows = [self._asked[index] for index in (*self._losses, *pending)]
        values = np.array([*((loss - centre) / scale for loss in told), *(0.0 for _ in pending)])
        factor = np.linalg.cholesky(self._kernel(rows, rows) + _NOISE * np.eye(len(rows)))
        solved = np.linalg.solve(factor, self._kernel(rows, candidates))
        means = solved.T @ np.linalg.solve(factor, values)
        prior = float(self._kernel(candidates[:1], candidates[:1])[0, 0])
        variances = prior - np.square(solved).sum(axis=0)
        best = (min(told) - centre) / scale
        gains = [_gain(best, *one) for one in zip(means, variances, strict=True)]
        return max(range(len(candidates)), key=gains.__getitem__)

    def _kernel(self, rows: Sequence[Parameters], columns: Sequence[Parameters]) -> _Matrix:
        """Return how alike any two are: in single parameters, and in pairs of them."""
        parameters = self._bench.problem.space.parameters
        weights = np.array([1.0 + (one.name == self._bench.family) for one in parameters])
        weights *= _WEIGHTS / weights.sum()
        likeness = [
            weight * _likeness(parameter, rows, columns)
            for weight, parameter in zip(weights, parameters, strict=True)
        ]
        single: _Matrix = np.sum(likeness, axis=0)
        squares: _Matrix = np.sum(np.square(likeness), axis=0)
        alike: _Matrix = _CONSTANT + single + (np.square(single) - squares) / 2
        return alike


def _likeness(
    parameter: Parameter, rows: Sequence[Parameters], columns: Sequence[Parameters]
) -> _Matrix:
    """Return 1 for equal values (both inactive counts as equal), less for numbers apart."""
    if not parameter.is_numeric:
        left = np.array([str(one.get(parameter.name)) for one in rows])
        right = np.array([str(one.get(parameter.name)) for one in columns])
        equal: _Matrix = (left[:, None] == right[None, :]).astype(np.float64)
        return equal
    far = 100.0  # where an inactive number lies
    first, second = (
        np.array(
            [
                parameter.share_of(float(o[parameter.name])) if parameter.name in o else far
                for o in side
            ]
        )
        for side in (rows, columns)
    )
    squares = np.square(first[:, None] - second[None, :])
    alike: _Matrix = np.exp(-squares / (2 * _SHORT**2)) + np.exp(-squares / (2 * _LONG**2))
    return alike / 2


def _gain(best: float, mean: float, variance: float) -> float:
    """Return the expected improvement on the best."""
    deviation = math.sqrt(max(variance, 1e-9))
    steps = (best - mean) / deviation
    density = math.exp(-(steps**2) / 2) / math.sqrt(2 * math.pi)
    return deviation * (steps * (1 + math.erf(steps / math.sqrt(2))) / 2 + density)
