"""Percentiles as order statistics.

The percentile is the nearest rank: a value that was really measured. It is bounded by the ranks
that the binomial distribution names and by nothing else. Where too few samples bound it, there is
no bound.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

_TAIL_DEVIATIONS = 12  # beyond these the binomial distribution holds nothing a float could show


def nearest_rank(percentile: float, count: int) -> int:
    """Return the rank, from 1, of a percentile among `count` ordered samples."""
    return min(count, max(1, math.ceil(round(percentile / 100 * count, 9))))


def ranks_of_bounds(percentile: float, count: int, alpha: float) -> tuple[int | None, int | None]:
    """Return the ranks that bound a percentile, each side wrong with probability `alpha` at most.

    None where no sample bounds that side; the samples are independent.
    """
    at_most = 0.0
    low: int | None = None
    for below, probability in _binomial(count, percentile / 100):
        at_most += probability
        if at_most <= alpha:
            low = below + 1
        if at_most >= 1 - alpha:
            high = below + 1
            return low, high if high <= count else None
    return low, None


def percentile_of(ordered: Sequence[float], percentile: float) -> float:
    """Return a percentile of samples in ascending order."""
    return ordered[nearest_rank(percentile, len(ordered)) - 1]


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
