"""How much less a series of latencies says because its requests resemble their neighbours.

Requests that meet the same queue are slow together. The inflation of a figure is the factor by
which its variance exceeds that of as many independent requests; their number divided by it is the
number of independent requests that would say as much. Two estimates, of which the larger counts:

- the correlations of ranks, so that no shape is assumed and one outlier cannot hide the dependence:
  those of an autoregressive process of the first order, or those seen where they are stronger, as
  in a queue, whose memory is longer than its neighbours tell;
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
_FEWEST_SPANS = 4  # a memory longer than a quarter of the series cannot be seen in it
_NOISE_DEVIATIONS = 2.0
_FAINTEST = 0.005
_NORMAL = NormalDist()
_STEPS = np.linspace(0.0, _STRONGEST, 400)


def inflation_of_percentile(latencies: Series, value: float, percentile: float) -> float:
    """Return the inflation of a percentile, whose estimate is `value`; at least 1."""
    above = (latencies > value).astype(np.float64)
    by_ranks = _inflation_of_share(_correlations(_normal_scores(latencies)), percentile / 100)
    return max(1.0, by_ranks, _BELIEVED_SHARE * _inflation_by_batches(above))


def inflation_of_mean(values: Series) -> float:
    """Return the inflation of a mean; at least 1."""
    by_ranks = 1 + 2 * float(_correlations(_normal_scores(values)).sum())
    by_values = 1 + 2 * float(_correlations(values - values.mean()).sum())  # bursts weigh more
    return max(1.0, by_ranks, by_values, _BELIEVED_SHARE * _inflation_by_batches(values))


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


def _correlations(scores: Series) -> Series:
    """Return how much values resemble those 1, 2, ... places on, until that fades."""
    count = len(scores)
    total = float((scores * scores).sum())
    if total == 0.0:
        return np.zeros(0)
    padded = np.fft.rfft(scores, 2 * count)
    seen = np.fft.irfft(padded * padded.conj(), 2 * count)[1 : count // _FEWEST_SPANS + 1] / total
    if not len(seen):
        return np.zeros(0)
    first = float(seen[0])
    strength = min(_STRONGEST, max(0.0, first + (1 + 3 * first) / count))
    faded = math.ceil(math.log(_FAINTEST) / math.log(strength)) if strength > _FAINTEST else 0
    noise = _NOISE_DEVIATIONS / math.sqrt(count)
    believed = int(np.argmax(seen < noise)) if bool((seen < noise).any()) else len(seen)
    correlations = np.zeros(max(faded, believed))
    correlations[:faded] = strength ** np.arange(1, faded + 1)
    correlations[:believed] = np.maximum(correlations[:believed], seen[:believed])
    return correlations


def _normal_scores(values: Series) -> Series:
    """Return the normal quantiles of the ranks; equal values share their mean rank."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[place]
    shares = (ranks - 0.5) / len(values)
    return _normal_quantiles(shares)


def _normal_quantiles(shares: Series) -> Series:
    """Return quantiles by a table: scores need three digits, and there may be many."""
    return np.interp(shares, _TABLE_SHARES, _TABLE_QUANTILES)


def _inflation_of_share(correlations: Series, share: float) -> float:
    """Return the inflation of the share below a quantile in a Gaussian process.

    The covariance of two such events is the integral of the bivariate normal density over its
    correlation, from 0 to theirs.
    """
    quantile = _NORMAL.inv_cdf(share)
    density = np.exp(-(quantile**2) / (1 + _STEPS)) / (2 * math.pi * np.sqrt(1 - _STEPS**2))
    pieces = (density[1:] + density[:-1]) / 2 * np.diff(_STEPS)
    covariances = np.concatenate([[0.0], np.cumsum(pieces)])
    total = float(np.interp(correlations, _STEPS, covariances).sum())
    return 1 + 2 * total / (share * (1 - share))


_TABLE_QUANTILES = np.linspace(-5.0, 5.0, 2001)
_TABLE_SHARES = np.array([_NORMAL.cdf(float(quantile)) for quantile in _TABLE_QUANTILES])
