"""Windows of answered requests, when they agree, and the figures of the last three.

A window is a run of consecutive completions. A request that was rejected or timed out has an
infinite latency and counts: a percentile can be infinite, and is then worse than any limit.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from deploytune.contract.metrics import METRICS
from deploytune.contract.workload import COUNTED_WINDOWS
from deploytune_trial.measure.percentiles import (
    mean_half_width,
    percentile_half_width,
    percentile_of,
)

TOLERANCE = 0.10
"""How far apart the windows that count may lie, as a share of the smallest."""

LATENCIES = {
    name: definition.percentile
    for name, definition in METRICS.items()
    if definition.unit == "ms" and definition.under_load
}
"""The latency metrics and their percentiles; None is the mean."""

_MILLISECONDS = 1000.0


@dataclass(frozen=True)
class Sample:
    """One request: when it was to be sent, was sent and ended, and whether it was answered."""

    intended: float
    sent: float
    ended: float
    answered: bool

    @property
    def latency_ms(self) -> float:
        """Milliseconds from the intended send time; infinite without an answer."""
        return (self.ended - self.intended) * _MILLISECONDS if self.answered else math.inf

    @property
    def lag_ms(self) -> float:
        """Milliseconds that the client itself was late."""
        return (self.sent - self.intended) * _MILLISECONDS


@dataclass(frozen=True)
class Figure:
    """A measured value, maybe infinite, and the half-width of its 95 % interval if it has one."""

    value: float
    half_width: float | None = None


@dataclass(frozen=True)
class Window:
    """Consecutive completions, the seconds they took, and how many requests were due meanwhile."""

    samples: tuple[Sample, ...]
    seconds: float
    due: int

    @property
    def answered(self) -> int:
        """How many requests were answered."""
        return sum(sample.answered for sample in self.samples)

    @property
    def answers_per_second(self) -> float:
        """The rate of answers."""
        return self.answered / self.seconds if self.seconds > 0 else 0.0

    @property
    def answers_per_due_request(self) -> float:
        """Whether the server keeps up with requests that come at a rate of their own."""
        return self.answered / max(1, self.due)


class WindowBuilder:
    """Cuts completions into windows of equal counts."""

    def __init__(self, size: int, started: float) -> None:
        """Begin the first window of `size` samples at `started`."""
        self._size = size
        self.restart(started)

    def restart(self, now: float) -> None:
        """Forget the window that is being built and begin another."""
        self._started = now
        self._samples: list[Sample] = []
        self._due = 0

    def note_due(self) -> None:
        """Count a request that is to be sent now."""
        self._due += 1

    def hold(self, sample: Sample) -> None:
        """Take a sample that completes no window."""
        self._samples.append(sample)

    def add(self, sample: Sample) -> Window | None:
        """Take a sample; return the window it completes."""
        self.hold(sample)
        return self.cut(sample.ended) if len(self._samples) >= self._size else None

    def cut(self, now: float) -> Window | None:
        """End the window here, complete or not; None when it is empty."""
        if not self._samples:
            return None
        window = Window(tuple(self._samples), now - self._started, self._due)
        self.restart(now)
        return window


def latency_of(ordered: Sequence[float], percentile: float | None) -> float:
    """Return a percentile of ordered latencies, or their mean."""
    if percentile is None:
        return math.fsum(ordered) / len(ordered)
    return percentile_of(ordered, percentile)


def windows_agree(windows: Sequence[Window], metrics: Sequence[str], *, at_rate: bool) -> bool:
    """Tell whether the last three windows agree in pace and in every metric given.

    The pace of requests that come at a rate of their own is the share of them that is answered:
    the rate itself varies from window to window by chance.
    """
    if len(windows) < COUNTED_WINDOWS:
        return False
    counted = windows[-COUNTED_WINDOWS:]
    paces = [w.answers_per_due_request if at_rate else w.answers_per_second for w in counted]
    latencies = [_ordered_latencies([window]) for window in counted]
    series = [[latency_of(one, LATENCIES[name]) for one in latencies] for name in metrics]
    return all(values_agree(values, TOLERANCE) for values in [paces, *series])


def values_agree(values: Sequence[float], tolerance: float) -> bool:
    """Tell whether the largest value is within a tolerance of the smallest."""
    return max(values) <= min(values) * (1 + tolerance)


def figures_of_no_answer() -> dict[str, Figure]:
    """Return the figures of a server that has answered nothing."""
    return {**dict.fromkeys(LATENCIES, Figure(math.inf)), "throughput": Figure(0.0)}


def summarise(windows: Sequence[Window], request_batch: int) -> dict[str, Figure]:
    """Return the figures of the last three windows together, by metric."""
    counted = windows[-COUNTED_WINDOWS:]
    rates = [window.answers_per_second * request_batch for window in counted]
    seconds = math.fsum(window.seconds for window in counted)
    answers = sum(window.answered for window in counted)
    rate = answers * request_batch / seconds if seconds > 0 else 0.0
    pooled = _ordered_latencies(counted)
    each = [_ordered_latencies([window]) for window in counted]
    figures = {name: _latency_figure(pooled, each, name) for name in LATENCIES}
    figures["throughput"] = Figure(rate, _half_spread(rates))
    return figures


def _latency_figure(pooled: list[float], each: list[list[float]], name: str) -> Figure:
    percentile = LATENCIES[name]
    value = latency_of(pooled, percentile)
    within = (
        mean_half_width(pooled) if percentile is None else percentile_half_width(pooled, percentile)
    )
    between = _half_spread([latency_of(latencies, percentile) for latencies in each])
    if within is None or between is None or math.isinf(within):
        return Figure(value, None)
    return Figure(value, max(within, between))


def _half_spread(values: Sequence[float]) -> float | None:
    """Half the distance between the extremes; None for a single window or an infinite one."""
    if len(values) < 2 or math.isinf(max(values)):  # noqa: PLR2004 - a spread needs two windows
        return None
    return (max(values) - min(values)) / 2


def _ordered_latencies(windows: Sequence[Window]) -> list[float]:
    return sorted(sample.latency_ms for window in windows for sample in window.samples)
