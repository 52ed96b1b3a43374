"""How much less a series of latencies says because its requests resemble their neighbours.

Requests that meet the same queue are slow together. The inflation of a figure is the factor by
which its variance exceeds that of as many independent requests; their number divided by it is the
number of independent requests that would say as much. Two estimates, of which the larger counts:

- latencies as an autoregressive process of the first order, seen through their ranks, so that no
  shape is assumed and one outlier cannot hide the dependence;
- batch means, which see dependence of any form over any time, drift included, but are noisy: what
  twenty batches show is believed only as far as chance cannot explain it.
"""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Series: TypeAlias = npt.NDArray[np.float64]
"""Values in the order in which their requests were to be sent."""

BATCHES = 20

_BELIEVED_SHARE = 0.63  # 19 over the 95th percentile of chi-squared with 19 degrees of freedom
_STRONGEST = 0.99
_FAINTEST = 0.005
_NORMAL = NormalDist()
_STEPS = np.linspace(0.0, _STRONGEST, 400)


def inflation_of_percentile(latencies: Series, value: float, percentile: float) -> float:
    """Return the inflation of a percentile, whose estimate is `value`; at least 1."""
    above = (latencies > value).astype(np.float64)
    by_ranks = _inflation_of_share(_correlation(_normal_scores(latencies)), percentile / 100)
    return max(1.0, by_ranks, _BELIEVED_SHARE * _inflation_by_batches(above))


def inflation_of_mean(values: Series) -> float:
    """Return the inflation of a mean; at least 1."""
    strength = _correlation(_normal_scores(values))
    by_ranks = (1 + strength) / (1 - strength)
    return max(1.0, by_ranks, _BELIEVED_SHARE * _inflation_by_batches(values))


def batch_means(values: Series, batches: int = BATCHES) -> Series:
    """Return the means of consecutive batches of equal size; what does not fill one is left out."""
    size = len(values) // batches
    return np.asarray(values[len(values) - size * batches :].reshape(batches, size).mean(axis=1))


def _inflation_by_batches(values: Series) -> float:
    size = len(values) // BATCHES
    spread = float(values.var())
    if size == 0 or spread == 0.0:
        return 1.0
    return size * float(batch_means(values).var(ddof=1)) / spread


def _correlation(scores: Series) -> float:
    """Return how much neighbours resemble each other, its bias in short series made good."""
    total = float((scores * scores).sum())
    if total == 0.0:
        return 0.0
    seen = float((scores[1:] * scores[:-1]).sum()) / total
    return min(_STRONGEST, max(0.0, seen + (1 + 3 * seen) / len(scores)))


def _normal_scores(values: Series) -> Series:
    """Return the normal quantiles of the ranks; equal values share their mean rank."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[place]
    shares = (ranks - 0.5) / len(values)
    return _normal_quantiles(shares)


def _normal_quantiles(shares: Series) -> Series:
    """Return quantiles by a table: scores need three digits, and there may be many."""
    return np.interp(shares, _TABLE_SHARES, _TABLE_QUANTILES)


def _inflation_of_share(strength: float, share: float) -> float:
    """Return the inflation of the share below a quantile in a Gaussian autoregressive process.

    The covariance of two such events is the integral of the bivariate normal density over its
    correlation, from 0 to theirs.
    """
    quantile = _NORMAL.inv_cdf(share)
    density = np.exp(-(quantile**2) / (1 + _STEPS)) / (2 * math.pi * np.sqrt(1 - _STEPS**2))
    pieces = (density[1:] + density[:-1]) / 2 * np.diff(_STEPS)
    covariances = np.concatenate([[0.0], np.cumsum(pieces)])
    count = math.ceil(math.log(_FAINTEST) / math.log(strength)) if strength > _FAINTEST else 0
    lags = strength ** np.arange(1, count + 1)
    total = float(np.interp(lags, _STEPS, covariances).sum())
    return 1 + 2 * total / (share * (1 - share))


_TABLE_QUANTILES = np.linspace(-5.0, 5.0, 2001)
_TABLE_SHARES = np.array([_NORMAL.cdf(float(quantile)) for quantile in _TABLE_QUANTILES])
