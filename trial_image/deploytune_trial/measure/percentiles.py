"""Percentiles as order statistics, and how sure they are.

The percentile is the nearest rank: a value that was really measured. Its interval is the pair of
ranks that holds the true percentile at 95 %, from the binomial distribution and nothing else: no
shape of the latencies is assumed. Where too few samples bound it, there is no interval.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

CONFIDENCE = 0.95

_NORMAL_QUANTILE = 1.959964  # of the two-sided 95 % interval
_TAIL_DEVIATIONS = 12  # beyond these the binomial distribution holds nothing a float could show


def nearest_rank(percentile: float, count: int) -> int:
    """Return the rank, from 1, of a percentile among `count` ordered samples."""
    return min(count, max(1, math.ceil(round(percentile / 100 * count, 9))))


def interval_ranks(percentile: float, count: int) -> tuple[int | None, int | None]:
    """Return the ranks that bound a percentile at 95 %; None where no sample bounds that side."""
    share = percentile / 100
    tail = (1 - CONFIDENCE) / 2
    at_most = 0.0
    low: int | None = None
    for below, probability in _binomial(count, share):
        at_most += probability
        if at_most <= tail:
            low = below + 1
        if at_most >= 1 - tail:
            high = below + 1
            return low, high if high <= count else None
    return low, None


def percentile_of(ordered: Sequence[float], percentile: float) -> float:
    """Return a percentile of samples in ascending order."""
    return ordered[nearest_rank(percentile, len(ordered)) - 1]


def percentile_half_width(ordered: Sequence[float], percentile: float) -> float | None:
    """Return the larger distance from a percentile to its bounds, None where one is missing."""
    low, high = interval_ranks(percentile, len(ordered))
    if low is None or high is None:
        return None
    value = percentile_of(ordered, percentile)
    if math.isinf(value):
        return None
    return max(ordered[high - 1] - value, value - ordered[low - 1])


def mean_half_width(samples: Sequence[float]) -> float | None:
    """Return the half-width of the 95 % interval of a mean, None where it has none."""
    count = len(samples)
    mean = math.fsum(samples) / count
    if count < 2 or math.isinf(mean):  # noqa: PLR2004 - a spread needs two samples
        return None
    variance = math.fsum((sample - mean) ** 2 for sample in samples) / (count - 1)
    return _NORMAL_QUANTILE * math.sqrt(variance / count)


def _binomial(count: int, share: float) -> list[tuple[int, float]]:
    """Return the probabilities of a binomial distribution, its empty far tails left out."""
    spread = _TAIL_DEVIATIONS * math.sqrt(count * share * (1 - share)) + _TAIL_DEVIATIONS
    first = max(0, math.floor(count * share - spread))
    last = min(count, math.ceil(count * share + spread))
    constant = math.lgamma(count + 1)
    return [
        (
            hits,
            math.exp(
                constant
                - math.lgamma(hits + 1)
                - math.lgamma(count - hits + 1)
                + hits * math.log(share)
                + (count - hits) * math.log1p(-share)
            ),
        )
        for hits in range(first, last + 1)
    ]
