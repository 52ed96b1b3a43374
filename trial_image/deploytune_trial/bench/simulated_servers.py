"""Servers whose latency law is known: what a run of requests against them looks like.

Each law has a shape of its own, requests that resemble their neighbours, and a factor by which
whole runs differ (the noise between processes). Its truth is that of the typical run, whose factor
is 1.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from statistics import NormalDist

import numpy as np

from deploytune_trial.measure.dependence import Series
from deploytune_trial.measure.windows import Sample

_TRUTH_REQUESTS = 1_000_000
_MILLISECONDS = 1000
_WARM_UP = 200
_TRUTH_SEED = 20_261_126
_NORMAL = NormalDist()


@dataclass(frozen=True)
class SimulatedServer:
    """A law of latencies in ms, and how much whole runs differ (log-scale)."""

    name: str
    summary: str
    draw: Callable[[np.random.Generator, int], Series]
    between_runs: float

    @cached_property
    def _long_run(self) -> Series:
        return np.sort(self.draw(np.random.default_rng(_TRUTH_SEED), _TRUTH_REQUESTS))

    def true_latency(self, percentile: float | None) -> float:
        """Return the percentile of the typical run, or its mean."""
        if percentile is None:
            return float(self._long_run.mean())
        return float(self._long_run[math.ceil(percentile / 100 * _TRUTH_REQUESTS) - 1])

    def run(self, generator: np.random.Generator, requests: int, rate: float) -> Run:
        """Return one run of Poisson arrivals at a rate per second."""
        factor = math.exp(self.between_runs * generator.standard_normal())
        latencies = factor * self.draw(generator, requests) / _MILLISECONDS
        intended = np.cumsum(generator.exponential(1 / rate, requests))
        ended = intended + latencies
        order = np.argsort(ended, kind="stable")
        return Run(intended[order], ended[order], factor)


@dataclass(frozen=True)
class Run:
    """Requests in the order of their ends, and how this run differs from the typical one."""

    intended: Series
    ended: Series
    factor: float

    def until(self, seconds: float) -> Series:
        """Return the latencies of the requests that ended by then, in milliseconds."""
        count = int(np.searchsorted(self.ended, seconds))
        return np.asarray((self.ended[:count] - self.intended[:count]) * _MILLISECONDS)

    def samples(self) -> Iterator[Sample]:
        """Yield the requests as a load generator hands them over."""
        for start, end in zip(self.intended, self.ended, strict=True):
            yield Sample(float(start), float(start), float(end), answered=True)


def _autoregressive(generator: np.random.Generator, count: int, strength: float) -> Series:
    """Return standard normal values of which neighbours correlate by `strength`."""
    shocks = generator.standard_normal(count)
    shocks[1:] *= math.sqrt(1 - strength**2)
    reach = min(count, math.ceil(math.log(1e-6) / math.log(strength)))
    return np.asarray(np.convolve(shocks, strength ** np.arange(reach))[:count])


def _even(generator: np.random.Generator, count: int) -> Series:
    return np.asarray(10 * np.exp(0.25 * _autoregressive(generator, count, 0.5)))


def _clinging(generator: np.random.Generator, count: int) -> Series:
    return np.asarray(10 * np.exp(0.25 * _autoregressive(generator, count, 0.8)))


def _heavy(generator: np.random.Generator, count: int) -> Series:
    normal = _autoregressive(generator, count, 0.3)
    exponential = -np.log(np.maximum(1e-12, 1 - _shares(normal)))
    return np.asarray(5 + 5 * exponential)


def _two_speeds(generator: np.random.Generator, count: int) -> Series:
    slow = _autoregressive(generator, count, 0.5) > _NORMAL.inv_cdf(0.85)
    jitter = generator.standard_normal(count)
    return np.asarray(np.where(slow, 20 + 2 * jitter, 10 + jitter))


def _queue(generator: np.random.Generator, count: int) -> Series:
    """One server at 60 % load: the wait of each is that of the last, less the gap between them."""
    warm = count + _WARM_UP
    service = 6 * np.exp(0.2 * generator.standard_normal(warm) - 0.02)
    steps = service - generator.exponential(10.0, warm)
    sums = np.concatenate([[0.0], np.cumsum(steps[:-1])])
    waits = sums - np.minimum.accumulate(sums)
    return np.asarray((waits + service)[_WARM_UP:])


def _shares(normal: Series) -> Series:
    return np.interp(normal, _QUANTILES, _SHARES)


_QUANTILES = np.linspace(-6.0, 6.0, 4001)
_SHARES = np.array([_NORMAL.cdf(float(quantile)) for quantile in _QUANTILES])

SERVERS = (
    SimulatedServer("even", "log-normal, neighbours correlate by 0.5", _even, 0.02),
    SimulatedServer("clinging", "log-normal, neighbours correlate by 0.8", _clinging, 0.02),
    SimulatedServer("heavy", "exponential tail, neighbours correlate by 0.3", _heavy, 0.02),
    SimulatedServer("two speeds", "15 % take twice as long, in clusters", _two_speeds, 0.02),
    SimulatedServer("queue", "one server at 60 % load, Poisson arrivals", _queue, 0.02),
)
