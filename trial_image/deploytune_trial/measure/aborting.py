"""When a measurement is lost beyond doubt, and need not be carried to its end.

A window is lost as soon as so many of its requests are above `factor` times a limit that its
percentile cannot come below that any more. A slow configuration costs a few requests that way, not
whole windows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from deploytune_trial.measure.percentiles import nearest_rank


@dataclass(frozen=True)
class Ceiling:
    """The latency above which a metric is hopeless."""

    key: str
    percentile: float | None
    milliseconds: float


class AbortWatch:
    """Follows one window and tells which ceiling it is certain to break."""

    def __init__(self, ceilings: Sequence[Ceiling], window_size: int) -> None:
        """Watch windows of `window_size` samples."""
        self._ceilings = ceilings
        self._size = window_size
        self._latencies: list[float] = []
        self._above = [0] * len(ceilings)

    def begin_window(self) -> None:
        """Forget the window before."""
        self._latencies.clear()
        self._above = [0] * len(self._ceilings)

    def add(self, latency_ms: float) -> str | None:
        """Take a latency; return the key of a ceiling that the window is certain to break."""
        self._latencies.append(latency_ms)
        for place, ceiling in enumerate(self._ceilings):
            self._above[place] += latency_ms > ceiling.milliseconds
            if self._is_lost(ceiling, self._above[place]):
                return ceiling.key
        return None

    def _is_lost(self, ceiling: Ceiling, above: int) -> bool:
        if ceiling.percentile is None:
            return above > 0 and sum(self._latencies) > ceiling.milliseconds * self._size
        return above > self._size - nearest_rank(ceiling.percentile, self._size)
