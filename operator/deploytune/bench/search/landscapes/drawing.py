"""Draws the landscape of a class and seed, again and again until it is a contest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from random import Random

from deploytune.bench.search.answers import find_answer
from deploytune.bench.search.chance import chance
from deploytune.bench.search.landscapes.classes import LANDSCAPE_CLASSES, LandscapeClass
from deploytune.bench.search.landscapes.failures import draw_rules
from deploytune.bench.search.landscapes.landscape import (
    ACCURACY,
    LATENCY,
    MEMORY,
    THROUGHPUT,
    Landscape,
)
from deploytune.bench.search.landscapes.limits import draw_limits
from deploytune.bench.search.landscapes.physics import Run, draw_physics
from deploytune.bench.search.landscapes.spaces import FAMILY
from deploytune.bench.search.landscapes.surfaces import Point, point_of
from deploytune.bench.search.problems import MOST_TRIALS, Answer, BenchProblem
from deploytune.contract.metrics import METRICS, Direction, split_metric_key
from deploytune.contract.models import Scalar
from deploytune.search.history import Parameters
from deploytune.search.problem import Constraint, Objective, Problem

_SAMPLE = 1500
_LARGE_SAMPLE = 4000  # where little is feasible
_MEMORY_QUANTILE, _PATIENCE_QUANTILE = 0.96, 0.97  # beyond: out of memory, timed out
_ATTEMPTS = 60
_LEAST_LEAD = 0.05  # of the best family, as regret of the second
_FEWEST_FAMILIES, _FEWEST = 3, 10  # families and configurations that are feasible in the sample
_DECEIVED = 0.5  # of the mean feasible share: at most that for a deceptive best family


def draw_landscape(name: str, seed: int) -> BenchProblem:
    """Return the problem of that class and seed: the same in any process."""
    recipe = LANDSCAPE_CLASSES[name]
    for attempt in range(_ATTEMPTS):
        drawn = _Draw(recipe, _objective(recipe, seed), chance("landscape", name, seed, attempt))
        problem = drawn.problem(seed, lenient=attempt == _ATTEMPTS - 1)
        if problem is not None:
            return problem
    raise AssertionError(f"{name} {seed}: no draw was taken")


def _objective(recipe: LandscapeClass, seed: int) -> Objective:
    """Accuracy under even seeds, throughput under odd ones; a deceptive one is about accuracy."""
    metric = ACCURACY if recipe.deceptive or seed % 2 == 0 else THROUGHPUT
    return Objective(metric, Direction.MAXIMIZE)


class _Draw:
    """One attempt."""

    def __init__(self, recipe: LandscapeClass, objective: Objective, rng: Random) -> None:
        self._recipe = recipe
        self._rng = rng
        self._space = recipe.space(rng)
        self._physics = draw_physics(recipe, self._space, rng)
        self._wanted = rng.uniform(*recipe.feasible)
        self._objective = objective

    def problem(self, seed: int, *, lenient: bool) -> BenchProblem | None:
        """Return the problem, or None if it is no contest; a lenient one is taken all the same."""
        points = self._sample()
        all_runs = [self._physics.run(point) for point in points]
        landscape = self._without_limits(points, all_runs)
        metrics = [landscape.metrics_of(*one) for one in zip(points, all_runs, strict=True)]
        ran = [(point.parameters, one) for point, one in zip(points, metrics, strict=True) if one]
        limits = draw_limits([one for _, one in ran], len(points), self._wanted, self._upward())
        landscape = replace(landscape, limits=limits)
        problem = self._search_problem(landscape)
        family = FAMILY if self._space.parameters[0].name == FAMILY else None
        if self._wanted <= 0:
            return BenchProblem(self._recipe.name, seed, problem, family, landscape, None, 0.0)
        feasible = self._feasible(landscape, ran)
        if not lenient and not self._may_be_a_contest(family, feasible):
            return None
        answer, best = find_answer(self._space, landscape.truth, feasible, family, self._rng)
        if family and not lenient and not self._is_contest(answer, best, feasible):
            return None
        share = len(feasible) / len(points)
        return BenchProblem(self._recipe.name, seed, problem, family, landscape, answer, share)

    def _upward(self) -> dict[str, bool]:
        limited = {LATENCY: False, MEMORY: False}
        return limited if self._objective.metric == ACCURACY else {**limited, ACCURACY: True}

    def _sample(self) -> list[Point]:
        size = _LARGE_SAMPLE if self._recipe.feasible[1] < 0.1 else _SAMPLE  # noqa: PLR2004
        rng = self._rng
        return [point_of(self._space, self._space.completed({}, rng)) for _ in range(size)]

    def _without_limits(self, points: Sequence[Point], runs: Sequence[Run]) -> Landscape:
        memories = sorted(run.memory_mib for run in runs)
        latencies = sorted(run.latency_ms for run in runs)
        crashing = self._rng.uniform(*self._recipe.crashing)
        rules = draw_rules(self._recipe.failures, self._space, self._rng, points, crashing)
        return Landscape(
            space=self._space,
            physics=self._physics,
            rules=rules,
            memory_mib=memories[int(_MEMORY_QUANTILE * len(memories))],
            patience_ms=latencies[int(_PATIENCE_QUANTILE * len(latencies))],
            limits=(),
            objective=self._objective,
            noise=self._recipe.noise,
            towards_limit=self._recipe.towards_limit,
        )

    def _search_problem(self, landscape: Landscape) -> Problem:
        constraints = tuple(
            Constraint(limit, METRICS[split_metric_key(limit.metric)[0]].scale)
            for limit in landscape.limits
        )
        return Problem(self._space, self._objective, constraints, MOST_TRIALS)

    def _feasible(
        self, landscape: Landscape, ran: Sequence[tuple[Parameters, Mapping[str, float]]]
    ) -> list[tuple[float, Parameters]]:
        return [
            (landscape.true_loss(metrics), parameters)
            for parameters, metrics in ran
            if all(limit.is_met_by(metrics[limit.metric]) for limit in landscape.limits)
        ]

    def _may_be_a_contest(
        self, family: str | None, feasible: Sequence[tuple[float, Parameters]]
    ) -> bool:
        """Tell whether enough is feasible, in enough families."""
        families = {found[1][FAMILY] for found in feasible if family}
        return len(feasible) >= _FEWEST and (not family or len(families) >= _FEWEST_FAMILIES)

    def _is_contest(
        self,
        answer: Answer,
        best: Mapping[Scalar | None, float],
        feasible: Sequence[tuple[float, Parameters]],
    ) -> bool:
        """Tell whether one family is clearly the best, and the hard one where it is to be."""
        second = sorted(best.values())[1]
        if answer.regret(second) < _LEAST_LEAD:
            return False
        if not self._recipe.deceptive:
            return True
        members = sum(found[1][FAMILY] == answer.best_family for found in feasible)
        count = self._space[FAMILY].count or 1
        return members / len(feasible) < _DECEIVED / count
