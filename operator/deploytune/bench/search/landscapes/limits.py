"""Limits as quantiles of what runs, so that a wanted share of the space is feasible."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from deploytune.contract.limits import Limit

_STEPS = 30
_BELOW_ALL = 0.8  # of the best latency: the limit where nothing is to be feasible


def draw_limits(
    runs: Sequence[Mapping[str, float]], points: int, wanted: float, upward: Mapping[str, bool]
) -> tuple[Limit, ...]:
    """Return one limit per metric, all at the same quantile of `runs`.

    `points` is how many configurations the runs came from, those that failed counted too, and
    `upward` tells for each metric whether more of it is better.
    """
    if wanted <= 0:
        latency = next(iter(upward))
        tightest = _BELOW_ALL * min(run[latency] for run in runs)
        return (Limit(metric=latency, max=tightest), *_at(runs, 0.5, upward)[1:])
    low, high = 0.0, 1.0
    for _ in range(_STEPS):
        middle = (low + high) / 2
        if feasible_count(runs, _at(runs, middle, upward)) < wanted * points:
            low = middle
        else:
            high = middle
    return _at(runs, high, upward)


def feasible_count(runs: Sequence[Mapping[str, float]], limits: Sequence[Limit]) -> int:
    """Return how many runs keep all limits."""
    return sum(all(limit.is_met_by(run[limit.metric]) for limit in limits) for run in runs)


def _at(
    runs: Sequence[Mapping[str, float]], quantile: float, upward: Mapping[str, bool]
) -> tuple[Limit, ...]:
    """Return the limits that each leave that share of the runs."""
    limits = []
    for metric, more_is_better in upward.items():
        values = sorted((run[metric] for run in runs), reverse=more_is_better)
        bound = values[min(int(quantile * len(values)), len(values) - 1)]
        if more_is_better:
            limits.append(Limit(metric=metric, min=bound))
        else:
            limits.append(Limit(metric=metric, max=bound))
    return tuple(limits)
