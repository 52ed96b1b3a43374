"""Means with percentile bootstrap intervals, plain and of paired differences.

Resampling is by seed and within each class: a class keeps its weight, and chance is fixed, so the
same file gives the same table.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

_RESAMPLES = 2000
_LOW, _HIGH = 2.5, 97.5
_SEED = 7

Groups = Mapping[str, Sequence[float]]
"""Figures of runs by problem class, in the order of their seeds."""


@dataclass(frozen=True)
class Estimate:
    """A mean over classes and its 95 % interval."""

    mean: float
    low: float
    high: float


def estimate(groups: Groups) -> Estimate:
    """Return the mean of the class means, resampled within each class."""
    rng = np.random.default_rng(_SEED)
    means, resampled = [], np.zeros(_RESAMPLES)
    for name in sorted(groups):
        figures = np.asarray(groups[name], dtype=float)
        means.append(float(figures.mean()))
        places = rng.integers(0, len(figures), (_RESAMPLES, len(figures)))
        resampled += figures[places].mean(axis=1)
    low, high = np.percentile(resampled / len(means), (_LOW, _HIGH))
    return Estimate(sum(means) / len(means), float(low), float(high))


def paired_differences(
    figures: Mapping[tuple[str, int], float], against: Mapping[tuple[str, int], float]
) -> dict[str, list[float]]:
    """Return figure minus figure by class, over the (class, seed) pairs that both have."""
    differences: dict[str, list[float]] = {}
    for key in sorted(figures.keys() & against.keys()):
        differences.setdefault(key[0], []).append(figures[key] - against[key])
    return differences
