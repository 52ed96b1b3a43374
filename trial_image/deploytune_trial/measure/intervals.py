"""How sure a percentile, a mean and a rate are, from one run of requests that depend on each other.

A bound is one-sided: the truth lies beyond it with probability `alpha` at most. A percentile's
bounds are order statistics (the binomial distribution, of as many independent requests as the
series is worth), so that no shape is assumed and an infinite latency is just the largest. The mean
has Student's interval, the rate that of the time which batches of answers took.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from deploytune_trial.measure.dependence import (
    BATCHES,
    Series,
    batch_means,
    inflation_of_mean,
    inflation_of_percentile,
)
from deploytune_trial.measure.percentiles import nearest_rank, ranks_of_bounds

_FEWEST_FOR_A_MEAN = 10
_NORMAL = NormalDist()


@dataclass(frozen=True)
class Estimate:
    """A value with its one-sided bounds; an infinite bound says that nothing bounds that side."""

    value: float
    lower: float = -math.inf
    upper: float = math.inf

    @property
    def half_width(self) -> float | None:
        """The larger distance to a bound; None where a side has none."""
        width = max(self.upper - self.value, self.value - self.lower)
        return width if math.isfinite(width) else None


EstimateAt = Callable[[float], Estimate]
"""Returns a value with its bounds at a given alpha each; what they share is computed once."""


def percentile_estimator(latencies: Series, percentile: float) -> EstimateAt:
    """Estimate a percentile of latencies in their order."""
    ordered = np.sort(latencies)
    count = len(ordered)
    value = float(ordered[nearest_rank(percentile, count) - 1])
    worth = math.floor(count / inflation_of_percentile(latencies, value, percentile))

    def estimate_at(alpha: float) -> Estimate:
        low, high = ranks_of_bounds(percentile, worth, alpha) if worth else (None, None)
        lower, upper = -math.inf, math.inf
        if low is not None:
            lower = float(ordered[max(1, math.floor(low / worth * count)) - 1])
        if high is not None:
            upper = float(ordered[min(count, math.ceil(high / worth * count)) - 1])
        return Estimate(value, lower, upper)

    return estimate_at


def mean_estimator(values: Series) -> EstimateAt:
    """Estimate a mean of values in their order; an infinite value makes it surely infinite."""
    count = len(values)
    mean = float(values.mean())
    if math.isinf(mean):
        return lambda _: Estimate(mean, mean, mean)
    if count < _FEWEST_FOR_A_MEAN:
        return lambda _: Estimate(mean)
    inflation = inflation_of_mean(values)
    error = math.sqrt(inflation * float(values.var(ddof=1)) / count)
    degrees = max(2, round(count / inflation) - 1)

    def estimate_at(alpha: float) -> Estimate:
        distance = student_quantile(alpha, degrees) * error
        return Estimate(mean, mean - distance, mean + distance)

    return estimate_at


def rate_estimator(ends: Series, started: float, until: float, each: int = 1) -> EstimateAt:
    """Estimate a rate from when answers came, in order; every one counts for `each`.

    The time is that from `started` until the end of the last request, answered or not.
    """
    count = len(ends)
    seconds = until - started
    if not count or seconds <= 0:
        return lambda _: Estimate(0.0)
    rate = each * count / seconds
    if count < BATCHES:
        return lambda _: Estimate(rate)
    paces = batch_means(np.diff(np.concatenate([[started], ends])))
    spread = inflation_of_mean(paces) * float(paces.var(ddof=1)) / BATCHES
    error = math.sqrt(spread) / float(paces.mean())

    def estimate_at(alpha: float) -> Estimate:
        relative = student_quantile(alpha, BATCHES - 1) * error
        upper = rate / (1 - relative) if relative < 1 else math.inf
        return Estimate(rate, rate / (1 + relative), upper)

    return estimate_at


def student_quantile(alpha: float, degrees: int) -> float:
    """Return the upper quantile of Student's t by its expansion around the normal distribution."""
    z = _NORMAL.inv_cdf(1 - alpha)
    return z + math.fsum(
        term / degrees**power
        for power, term in enumerate(
            (
                (z**3 + z) / 4,
                (5 * z**5 + 16 * z**3 + 3 * z) / 96,
                (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
                (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
            ),
            start=1,
        )
    )
