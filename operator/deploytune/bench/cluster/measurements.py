"""What was seen of trial Pods, as figures."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

_HUNDREDTHS = 100


@dataclass(frozen=True)
class Sighting:
    """The first moment at which a Pod of a tuning was seen to be there, or to have ended."""

    tuning: str
    pod: str
    has_ended: bool
    seconds: float


@dataclass(frozen=True)
class Figures:
    """From a Pod's terminal phase to the next Pod of its tuning, as one watch saw both."""

    pods_ended: int
    seconds: float
    next_pod_ms_p50: float
    next_pod_ms_p99: float
    next_pod_ms_max: float


def figures_of(sightings: Iterable[Sighting]) -> Figures:
    """Return the figures of tunings that run one trial at a time."""
    seen = sorted(sightings, key=lambda sighting: sighting.seconds)
    ended_at: dict[str, float] = {}
    pauses: list[float] = []
    for sighting in seen:
        if sighting.has_ended:
            ended_at[sighting.tuning] = sighting.seconds
        elif sighting.tuning in ended_at:
            pauses.append(1000 * (sighting.seconds - ended_at.pop(sighting.tuning)))
    return Figures(
        pods_ended=sum(sighting.has_ended for sighting in seen),
        seconds=seen[-1].seconds - seen[0].seconds if seen else 0.0,
        next_pod_ms_p50=_percentile(pauses, 50),
        next_pod_ms_p99=_percentile(pauses, 99),
        next_pod_ms_max=max(pauses, default=0.0),
    )


def _percentile(values: Sequence[float], percent: int) -> float:
    if len(values) < 2:  # noqa: PLR2004 - quantiles need two
        return values[0] if values else 0.0
    return statistics.quantiles(values, n=_HUNDREDTHS, method="inclusive")[percent - 1]
