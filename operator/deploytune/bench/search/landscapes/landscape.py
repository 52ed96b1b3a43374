"""One landscape as a system: how a configuration really ends, and how a trial of it is seen.

A trial that crashes by a rule or runs out of memory shows no metrics. One far too slow times out.
One whose latency is more than five times its limit is aborted early, as a real one is: it costs
half, and shows no throughput.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from random import Random

from deploytune.bench.search.landscapes.failures import Rule
from deploytune.bench.search.landscapes.physics import Physics, Run
from deploytune.bench.search.landscapes.surfaces import Point, point_of
from deploytune.bench.search.problems import Ending, Truth
from deploytune.contract.limits import Limit
from deploytune.contract.metrics import metric_key
from deploytune.contract.outcomes import OutcomeKind
from deploytune.search.history import Parameters
from deploytune.search.problem import Objective
from deploytune.search.space import Space

LATENCY = metric_key("latency_p95_ms", "steady")
MEMORY = "server_memory_mib"
ACCURACY = "accuracy"
THROUGHPUT = metric_key("throughput", "steady")

_ABORT_FACTOR = 5.0
_SPENT_ABORTED, _SPENT_OUT_OF_MEMORY, _SPENT_TIMED_OUT = 0.5, 0.4, 4.0
_MEMORY_NOISE, _ACCURACY_NOISE = 0.005, 0.002


@dataclass(frozen=True)
class Landscape:
    """Physics, what fails, and the limits; `memory_mib` and `patience_ms` are hard ends."""

    space: Space
    physics: Physics
    rules: tuple[Rule, ...]
    memory_mib: float
    patience_ms: float
    limits: tuple[Limit, ...]
    objective: Objective
    noise: float
    towards_limit: float
    abort_factor: float = _ABORT_FACTOR

    def outcome(self, parameters: Parameters, rng: Random) -> Ending:
        """Try a configuration."""
        point = point_of(self.space, parameters)
        run = self.physics.run(point)
        seconds = self.physics.seconds(point) * math.exp(rng.gauss(0, 0.1))
        failed = self._failure(point, run)
        if failed is not None:
            kind, spent = failed
            return Ending(kind, {}, seconds * spent)
        metrics = self._noisy(self._metrics(run), rng)
        if self._is_aborted(metrics):
            del metrics[THROUGHPUT]
            return Ending(OutcomeKind.INFEASIBLE, metrics, seconds * _SPENT_ABORTED)
        kept = all(limit.is_met_by(metrics[limit.metric]) for limit in self.limits)
        kind = OutcomeKind.FEASIBLE if kept else OutcomeKind.INFEASIBLE
        return Ending(kind, metrics, seconds)

    def truth(self, parameters: Parameters) -> Truth:
        """Return whether it is feasible, and its loss."""
        metrics = self.true_metrics(parameters)
        if metrics is None:
            return Truth(feasible=False, loss=None)
        kept = all(limit.is_met_by(metrics[limit.metric]) for limit in self.limits)
        return Truth(kept, self.true_loss(metrics))

    def true_loss(self, metrics: Mapping[str, float]) -> float:
        """Return the loss that regret is of: of a throughput, its logarithm."""
        metric = self.objective.metric
        value = metrics[metric]
        return self.objective.loss(math.log(value) if metric == THROUGHPUT else value)

    def true_metrics(self, parameters: Parameters) -> Mapping[str, float] | None:
        """Return the metrics without noise, or None if the configuration fails."""
        point = point_of(self.space, parameters)
        return self.metrics_of(point, self.physics.run(point))

    def metrics_of(self, point: Point, run: Run) -> Mapping[str, float] | None:
        """Return the metrics of a run without noise, or None if it fails."""
        return None if self._failure(point, run) else self._metrics(run)

    def _failure(self, point: Point, run: Run) -> tuple[OutcomeKind, float] | None:
        """Return how it fails and the part of its seconds that this takes, or None."""
        for rule in self.rules:
            if rule.holds(point):
                return OutcomeKind.CRASHED, rule.spent
        if run.memory_mib > self.memory_mib:
            return OutcomeKind.CRASHED, _SPENT_OUT_OF_MEMORY
        if run.latency_ms > self.patience_ms:
            return OutcomeKind.TIMED_OUT, _SPENT_TIMED_OUT
        return None

    def _metrics(self, run: Run) -> dict[str, float]:
        latency = run.latency_ms
        bound = next((limit.bound for limit in self.limits if limit.metric == LATENCY), latency)
        return {
            LATENCY: bound * (latency / bound) ** self.towards_limit,
            MEMORY: run.memory_mib,
            ACCURACY: run.accuracy,
            THROUGHPUT: run.throughput,
        }

    def _noisy(self, metrics: Mapping[str, float], rng: Random) -> dict[str, float]:
        return {
            LATENCY: metrics[LATENCY] * math.exp(rng.gauss(0, self.noise)),
            MEMORY: metrics[MEMORY] * math.exp(rng.gauss(0, _MEMORY_NOISE)),
            ACCURACY: min(max(metrics[ACCURACY] + rng.gauss(0, _ACCURACY_NOISE), 0.0), 1.0),
            THROUGHPUT: metrics[THROUGHPUT] * math.exp(rng.gauss(0, self.noise)),
        }

    def _is_aborted(self, metrics: Mapping[str, float]) -> bool:
        return any(
            limit.metric == LATENCY and metrics[LATENCY] > self.abort_factor * limit.bound
            for limit in self.limits
        )
