"""What was measured under one load: its requests in columns, and the figures that they give.

A request that was rejected or timed out has an infinite latency and counts: a percentile can be
infinite, and is then worse than any limit. Figures are of all requests that count, not of the last
ones: a test that may look several times holds for all it has seen. Drift shows in the intervals.
"""

from __future__ import annotations

import copy
import math
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from deploytune.contract.metrics import METRICS
from deploytune_trial.measure.dependence import Series
from deploytune_trial.measure.intervals import (
    Estimate,
    EstimateAt,
    mean_estimator,
    percentile_estimator,
    rate_estimator,
)
from deploytune_trial.measure.sequential import CONFIDENCE

LATENCIES = {
    name: definition.percentile
    for name, definition in METRICS.items()
    if definition.unit == "ms" and definition.under_load
}
"""The latency metrics and their percentiles; None is the mean."""

THROUGHPUT = "throughput"

_MILLISECONDS = 1000.0


@dataclass(frozen=True)
class Sample:
    """One request: when it was to be sent, was sent and ended, and whether it was answered.

    One that is open has not ended: `ended` is as long as anybody has waited for it so far.
    """

    intended: float
    sent: float
    ended: float
    answered: bool
    is_open: bool = False

    @property
    def latency_ms(self) -> float:
        """Milliseconds from the intended send time; infinite without an answer."""
        has_end = self.answered or self.is_open
        return (self.ended - self.intended) * _MILLISECONDS if has_end else math.inf


@dataclass(frozen=True)
class Figure:
    """A measured value, maybe infinite, and the half-width of its 95 % interval if it has one."""

    value: float
    half_width: float | None = None


class Requests:
    """Requests in the order in which they ended, from a moment on.

    The late ones come after them: they were outstanding when the others ended.
    """

    def __init__(self, started: float) -> None:
        """Begin with none at `started`."""
        self.started = started
        self.until = started
        self.late = 0
        self._intended = array("d")
        self._sent = array("d")
        self._ended = array("d")
        self._answered = array("b")
        self._endless = array("b")

    def __len__(self) -> int:
        """How many have ended."""
        return len(self._ended)

    def add(self, sample: Sample) -> None:
        """Take one that has ended."""
        self._append(sample)
        self.until = max(self.until, sample.ended)

    def add_late(self, sample: Sample) -> None:
        """Take one that was outstanding at the end of the last; its answer is no throughput."""
        self._append(sample)
        self.late += 1

    def with_late(self, samples: Sequence[Sample]) -> Requests:
        """Return these requests and some that are late."""
        both = copy.deepcopy(self) if samples else self
        for sample in samples:
            both.add_late(sample)
        return both

    def _append(self, sample: Sample) -> None:
        self._intended.append(sample.intended)
        self._sent.append(sample.sent)
        self._ended.append(sample.ended)
        self._answered.append(sample.answered)
        self._endless.append(math.isinf(sample.latency_ms))

    @property
    def seconds(self) -> float:
        """From the moment they began to the end of the last that is not late."""
        return self.until - self.started

    @property
    def answered(self) -> int:
        """How many were answered."""
        return sum(self._answered)

    def ends_of_answers(self) -> Series:
        """When the answers came, in order."""
        ended = np.array(self._ended)[np.array(self._answered, dtype=bool)]
        return np.sort(ended[ended <= self.until])

    def latencies_ms(self, since: int = 0) -> Series:
        """Latencies in the order in which they were to be sent, of all but the first `since`."""
        intended = np.array(self._intended[since:])
        latencies = (np.array(self._ended[since:]) - intended) * _MILLISECONDS
        latencies[np.array(self._endless[since:]) == 1] = math.inf
        return np.asarray(latencies[np.argsort(intended, kind="stable")])

    @property
    def all_end(self) -> bool:
        """Whether there are any, and each was answered."""
        return len(self) > 0 and not any(self._endless)

    def mean_seconds(self) -> float:
        """Return how long a request was outstanding on average, answered or not."""
        return float(np.mean(np.array(self._ended) - np.array(self._intended)))

    def largest_ms(self) -> float:
        """Return the largest latency that has an end, 0 without any."""
        latencies = self.latencies_ms()
        return float(np.max(latencies[np.isfinite(latencies)], initial=0.0))

    def lags_ms(self) -> Series:
        """How late the client itself was, in the same order."""
        intended = np.array(self._intended)
        lags = (np.array(self._sent) - intended) * _MILLISECONDS
        return np.asarray(lags[np.argsort(intended, kind="stable")])


def latency_estimator(latencies: Series, metric: str) -> EstimateAt:
    """Return what to ask for a latency metric at any alpha."""
    percentile = LATENCIES[metric]
    if percentile is None:
        return mean_estimator(latencies)
    return percentile_estimator(latencies, percentile)


def estimates_of(
    requests: Requests, request_batch: int, metrics: Iterable[str] = (*LATENCIES, THROUGHPUT)
) -> dict[str, EstimateAt]:
    """Return what to ask for each metric of a load at any alpha."""
    latencies, ends = requests.latencies_ms(), requests.ends_of_answers()
    return {
        metric: latency_estimator(latencies, metric)
        if metric in LATENCIES
        else rate_estimator(ends, requests.started, requests.until, request_batch)
        for metric in metrics
    }


def summarise(requests: Requests, request_batch: int) -> dict[str, Figure]:
    """Return the figures of a load with the half-widths of their intervals, by metric."""
    if not len(requests):
        return figures_of_no_answer()
    return {
        name: _figure_of(estimate_at((1 - CONFIDENCE) / 2))
        for name, estimate_at in estimates_of(requests, request_batch).items()
    }


def figures_of_no_answer() -> dict[str, Figure]:
    """Return the figures of a server that has answered nothing."""
    return {**dict.fromkeys(LATENCIES, Figure(math.inf)), THROUGHPUT: Figure(0.0)}


def values_agree(values: Sequence[float], tolerance: float) -> bool:
    """Tell whether the largest value is within a tolerance of the smallest."""
    return max(values) <= min(values) * (1 + tolerance)


def _figure_of(estimate: Estimate) -> Figure:
    return Figure(estimate.value, None if math.isinf(estimate.value) else estimate.half_width)
