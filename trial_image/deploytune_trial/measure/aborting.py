"""When a measurement is lost beyond doubt, and need not be carried to its end.

It is lost as soon as so many requests are above `factor` times a limit that its percentile, over
all requests that may count, cannot come below that any more; or when the first ten all are. What is
slow beyond doubt costs a few requests that way, not a window.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from deploytune_trial.measure.percentiles import nearest_rank

_ALL_OF_SO_MANY = 10


@dataclass(frozen=True)
class Ceiling:
    """The latency above which a metric is hopeless."""

    key: str
    percentile: float | None
    milliseconds: float


class AbortWatch:
    """Follows a measurement and tells which ceiling it is certain to break."""

    def __init__(self, ceilings: Sequence[Ceiling], most_requests: int) -> None:
        """Watch a measurement of `most_requests` samples at most."""
        self._ceilings = ceilings
        self._size = most_requests
        self._latencies: list[float] = []
        self._above = [0] * len(ceilings)

    def begin(self) -> None:
        """Forget what came before the measurement."""
        self._latencies.clear()
        self._above = [0] * len(self._ceilings)

    def add(self, latency_ms: float) -> str | None:
        """Take a latency; return the key of a ceiling that is certain to be broken."""
        self._latencies.append(latency_ms)
        for place, ceiling in enumerate(self._ceilings):
            self._above[place] += latency_ms > ceiling.milliseconds
            if self._is_lost(ceiling, self._above[place]):
                return ceiling.key
        return None

    def _is_lost(self, ceiling: Ceiling, above: int) -> bool:
        if above == len(self._latencies) >= _ALL_OF_SO_MANY:
            return True
        if ceiling.percentile is None:
            return above > 0 and sum(self._latencies) > ceiling.milliseconds * self._size
        return above > self._size - nearest_rank(ceiling.percentile, self._size)
