"""Problems over one table: the same measurements, other questions.

Even seeds maximise accuracy below limits of latency and memory; the latency limit lies at or above
the one that the table was recorded under, where it has repeats. Odd seeds minimise latency above a
limit of accuracy, below one of memory. Limits of accuracy and memory are quantiles of what runs,
moved outward to a multiple of what matters of the metric, so that none of them cuts through the
noise. A draw is kept only if some, and not too much, of the space is feasible, in several families,
one of which is the best, and little of it is as good as the best.

As good is what is behind by no more than the noise of the objective in the table's repeats.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from random import Random
from statistics import median, stdev

from deploytune.bench.search.chance import chance
from deploytune.bench.search.problems import MOST_TRIALS, Answer, BenchProblem
from deploytune.bench.search.recorded.system import RecordedSystem, typical_metrics
from deploytune.bench.search.recorded.table import Table, read_table
from deploytune.contract.errors import InvalidTuningError
from deploytune.contract.limits import Limit
from deploytune.contract.metrics import METRICS, Direction, split_metric_key
from deploytune.contract.models import Scalar
from deploytune.search.history import Parameters
from deploytune.search.problem import Constraint, Objective, Problem

FAMILY = "model"
_ACCURACY, _MEMORY = "accuracy", "server_memory_mib"
_P95, _P50 = "latency_p95_ms", "latency_p50_ms"
_ABOVE_RECORDED = (1.0, 1.35)  # of the latency limit that the table was recorded under
_MEMORY_QUANTILES = (0.4, 0.95)  # of what runs
_ACCURACY_QUANTILES = (0.1, 0.7)
_FEASIBLE = (0.03, 0.6)  # of the space
_MOST_AT_THE_TOP = 0.1  # of what is feasible: as good as the best
_FEWEST_FAMILIES = 3
_LEAST_LEAD = 0.05  # of the best family, as regret of the second
_POOR = 0.9  # the quantile of truly feasible losses at which regret is 1
_ATTEMPTS = 200

_Run = tuple[Parameters, Mapping[str, float]]
_Found = tuple[float, Parameters]


def draw_recorded(name: str, seed: int) -> BenchProblem:
    """Return the problem of a kept table and a seed: the same in any process."""
    return draw_scenario(name, read_table(name), seed)


def draw_scenario(name: str, table: Table, seed: int) -> BenchProblem:
    """Return the problem of a table and a seed.

    Raises:
        InvalidTuningError: no limits make a contest of this table.
    """
    runs = _runs(table)
    for attempt in range(_ATTEMPTS):
        rng = chance("recorded", name, seed, attempt)
        system = _accurate(table, runs, rng) if seed % 2 == 0 else _fast(table, runs, rng)
        feasible = _feasible(system, runs)
        answer = _answer(feasible, _noise(table, system))
        share = len(feasible) / len(table.measured)
        if answer is not None and _FEASIBLE[0] <= share <= _FEASIBLE[1]:
            problem = _problem(system)
            return BenchProblem(name, seed, problem, FAMILY, system, answer, share)
    rule = "must leave a contest under some limits, nothing found"
    raise InvalidTuningError("table", rule, name)


def _runs(table: Table) -> list[_Run]:
    """Return the configurations most of whose trials ran, with their medians."""
    typical = (
        (configuration, typical_metrics(table.of(configuration)))
        for configuration in table.space.configurations()
    )
    return [(configuration, metrics) for configuration, metrics in typical if metrics is not None]


def _accurate(table: Table, runs: Sequence[_Run], rng: Random) -> RecordedSystem:
    recorded = next(one for one in table.limits if split_metric_key(one.metric)[0] == _P95)
    latency = Limit(metric=recorded.metric, max=recorded.bound * rng.uniform(*_ABOVE_RECORDED))
    objective = Objective(_ACCURACY, Direction.MAXIMIZE)
    return RecordedSystem(table, objective, (latency, _memory_limit(runs, rng)))


def _fast(table: Table, runs: Sequence[_Run], rng: Random) -> RecordedSystem:
    latency = next(key for _, run in runs for key in run if split_metric_key(key)[0] == _P50)
    accuracy = _steps_at_quantile(runs, _ACCURACY, rng.uniform(*_ACCURACY_QUANTILES))
    least = Limit(metric=_ACCURACY, min=math.floor(accuracy) * METRICS[_ACCURACY].scale)
    objective = Objective(latency, Direction.MINIMIZE)
    return RecordedSystem(table, objective, (least, _memory_limit(runs, rng)))


def _memory_limit(runs: Sequence[_Run], rng: Random) -> Limit:
    memory = _steps_at_quantile(runs, _MEMORY, rng.uniform(*_MEMORY_QUANTILES))
    return Limit(metric=_MEMORY, max=math.ceil(memory) * METRICS[_MEMORY].scale)


def _steps_at_quantile(runs: Sequence[_Run], metric: str, quantile: float) -> float:
    """Return the quantile in multiples of what matters of the metric."""
    values = sorted(metrics[metric] for _, metrics in runs if metric in metrics)
    return values[min(int(quantile * len(values)), len(values) - 1)] / METRICS[metric].scale


def _noise(table: Table, system: RecordedSystem) -> float:
    """Return the typical deviation of the loss between repeats, 0 where there are none."""
    key = system.objective.metric
    repeats = (
        [system.true_loss(one.metrics[key]) for one in measured if one.ran and key in one.metrics]
        for measured in table.measured.values()
    )
    deviations = [stdev(losses) for losses in repeats if len(losses) > 1]
    return median(deviations) if deviations else 0.0


def _feasible(system: RecordedSystem, runs: Sequence[_Run]) -> list[_Found]:
    """Return what is truly feasible, the best first."""
    found = []
    for parameters, metrics in runs:
        truth = system.truth_of(metrics)
        if truth.feasible and truth.loss is not None:
            found.append((truth.loss, parameters))
    return sorted(found, key=_loss)


def _answer(feasible: Sequence[_Found], noise: float) -> Answer | None:
    """Return the answer of a contest: several families, one of which is clearly the best."""
    best: dict[Scalar, float] = {}
    for loss, parameters in feasible:
        best.setdefault(parameters[FAMILY], loss)
    if len(best) < _FEWEST_FAMILIES:
        return None
    losses = tuple(loss for loss, _ in feasible)
    poor = max(losses[int(_POOR * len(losses))], losses[0] + 1e-9)
    known = tuple(parameters for _, parameters in feasible)
    top = feasible[0][1]
    answer = Answer(top, losses[0], poor, top[FAMILY], known, losses, noise)
    second = list(best.values())[1]
    as_good = bisect_right(losses, losses[0] + noise)
    is_contest = as_good <= _MOST_AT_THE_TOP * len(losses)
    return answer if is_contest and answer.regret(second) >= _LEAST_LEAD else None


def _problem(system: RecordedSystem) -> Problem:
    constraints = tuple(
        Constraint(limit, METRICS[split_metric_key(limit.metric)[0]].scale)
        for limit in system.limits
    )
    return Problem(system.table.space, system.objective, constraints, MOST_TRIALS)


def _loss(found: _Found) -> float:
    return found[0]
