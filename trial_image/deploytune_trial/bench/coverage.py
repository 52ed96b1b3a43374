"""How often the reported intervals hold the truth of servers that are known."""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass

import numpy as np

from deploytune_trial.bench.simulated_servers import SimulatedServer
from deploytune_trial.bench.verdicts import RATE_PER_SECOND
from deploytune_trial.measure.windows import LATENCIES, THROUGHPUT, Requests, summarise

METRICS = ("latency_mean_ms", "latency_p50_ms", "latency_p95_ms", "latency_p99_ms", THROUGHPUT)

RUNS = 4
"""Measurements of one configuration in fresh processes: one of the search, three confirmations."""


@dataclass(frozen=True)
class Measured:
    """What one run reported."""

    value: float
    half_width: float | None


def coverage_rows(
    server: SimulatedServer, requests: int, repeats: int, seed: int
) -> list[dict[str, object]]:
    """Return, for each metric, the share of intervals that hold the truth, and the runs' reports.

    `held` counts the truth of the run, its own factor included, since no run can know others;
    `runs` are for whoever combines them, in groups of `RUNS` of the same server.
    """
    generator = np.random.default_rng([seed, requests, *server.name.encode()])
    held: dict[str, list[bool]] = {metric: [] for metric in METRICS}
    groups: dict[str, list[list[Measured]]] = {metric: [] for metric in METRICS}
    for _ in range(repeats):
        for metric in METRICS:
            groups[metric].append([])
        for _ in range(RUNS):
            run = server.run(generator, requests, RATE_PER_SECOND)
            counted = Requests(0.0)
            for sample in run.samples():
                counted.add(sample)
            figures = summarise(counted, request_batch=1)
            for metric in METRICS:
                figure = figures[metric]
                groups[metric][-1].append(Measured(figure.value, figure.half_width))
                if figure.half_width is not None:
                    truth = _truth(server, metric) * (run.factor if metric in LATENCIES else 1.0)
                    held[metric].append(abs(figure.value - truth) <= figure.half_width)
    return [
        {
            "server": server.name,
            "metric": metric,
            "requests": requests,
            "truth": _truth(server, metric),
            "held": statistics.fmean(held[metric]) if held[metric] else None,
            "without_interval": 1 - len(held[metric]) / (repeats * RUNS),
            "relative_width": _relative_width(groups[metric]),
            "runs": [[(one.value, one.half_width) for one in group] for group in groups[metric]],
        }
        for metric in METRICS
    ]


def _truth(server: SimulatedServer, metric: str) -> float:
    return server.true_latency(LATENCIES[metric]) if metric in LATENCIES else RATE_PER_SECOND


def _relative_width(groups: list[list[Measured]]) -> float | None:
    widths = [
        one.half_width / one.value
        for group in groups
        for one in group
        if one.half_width is not None and math.isfinite(one.value)
    ]
    return statistics.median(widths) if widths else None
