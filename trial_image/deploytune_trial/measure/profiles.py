"""One load profile: warmed up until it is steady, measured until its windows agree.

Warm-up: a closed loop, whatever the profile, since it cannot overrun a server that is still slow;
windows of a quarter of the measured ones (10 to 250 requests), until the medians of two in a row
are within 20 %, at most eight windows and ten seconds. Measurement: windows until the last three
agree within 10 %, at most the profile's cap. The first requests of a measurement fill the pipeline
and do not count.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from deploytune.contract.workload import COUNTED_WINDOWS, LoadProfile, LoadType
from deploytune_trial.measure.aborting import AbortWatch, Ceiling
from deploytune_trial.measure.arrivals import poisson_gaps
from deploytune_trial.measure.generators import After, LoadGenerator, Send
from deploytune_trial.measure.windows import (
    Sample,
    Window,
    WindowBuilder,
    latency_of,
    values_agree,
    windows_agree,
)

WARM_UP_TOLERANCE = 0.20
WARM_UP_WINDOWS = 8
WARM_UP_SECONDS = 10.0

_WARM_UP_SHARE = 4
_FEWEST_WARM_UP_REQUESTS = 10
_MOST_WARM_UP_REQUESTS = 250
_LEAD_IN_REQUESTS = 10
_MEDIAN = 50.0


@dataclass
class ProfileRun:
    """What came of loading the server by one profile; `windows` are the last ones."""

    windows: deque[Window] = field(default_factory=lambda: deque(maxlen=COUNTED_WINDOWS))
    window_count: int = 0
    lost_metric: str | None = None
    agreed: bool = False
    overloaded: bool = False
    sent: int = 0
    answered: int = 0
    client_share: float = 0.0

    @property
    def is_hopeless(self) -> bool:
        """Whether it was given up."""
        return self.overloaded or self.lost_metric is not None

    @property
    def samples(self) -> list[Sample]:
        """The samples that count."""
        return [sample for window in self.windows for sample in window.samples]


class Patience(Protocol):
    """Decides how long a run goes on."""

    def judge_sample(self, sample: Sample, run: ProfileRun) -> After:
        """Look at one more sample."""
        ...

    def judge_windows(self, run: ProfileRun) -> After:
        """Look at the windows after one more was completed."""
        ...


class WarmUpPatience:
    """Until two windows have nearly the same median, or the caps are reached."""

    def __init__(self, started: float) -> None:
        """Count the seconds from `started`."""
        self._until = started + WARM_UP_SECONDS

    def judge_sample(self, sample: Sample, run: ProfileRun) -> After:  # noqa: ARG002 - the protocol's
        """Stop when the seconds are spent."""
        return After.STOP if sample.ended >= self._until else After.GO_ON

    def judge_windows(self, run: ProfileRun) -> After:
        """Stop when the last two agree, or there were enough."""
        medians = [
            latency_of(sorted(sample.latency_ms for sample in window.samples), _MEDIAN)
            for window in list(run.windows)[-2:]
        ]
        steady = len(medians) > 1 and values_agree(medians, WARM_UP_TOLERANCE)
        return After.STOP if steady or run.window_count >= WARM_UP_WINDOWS else After.GO_ON


class MeasurePatience:
    """Until three windows agree or the profile's cap, or until the measurement is lost."""

    def __init__(
        self, profile: LoadProfile, needed: Sequence[str], ceilings: Sequence[Ceiling]
    ) -> None:
        """Let windows agree in the metrics `needed`; give up at the `ceilings`."""
        self._profile = profile
        self._needed = needed
        self._watch = AbortWatch(ceilings, profile.window_requests)
        self._lead_in = lead_in_of(profile)

    def judge_sample(self, sample: Sample, run: ProfileRun) -> After:
        """Give up when a ceiling is certain to be broken."""
        run.lost_metric = self._watch.add(sample.latency_ms)
        self._lead_in -= 1
        if self._lead_in == 0:  # what it held belongs to no window
            self._watch.begin_window()
        return After.GO_ON if run.lost_metric is None else After.GIVE_UP

    def judge_windows(self, run: ProfileRun) -> After:
        """Stop when the last three agree, or there were enough."""
        self._watch.begin_window()
        at_rate = self._profile.type is LoadType.POISSON
        run.agreed = windows_agree(list(run.windows), self._needed, at_rate=at_rate)
        spent = run.window_count >= self._profile.max_windows
        return After.STOP if run.agreed or spent else After.GO_ON


def lead_in_of(profile: LoadProfile) -> int:
    """Return how many requests come before the first window."""
    return min(profile.window_requests, profile.concurrency or _LEAD_IN_REQUESTS)


async def warm_up(profile: LoadProfile, send: Send, concurrency: int) -> ProfileRun:
    """Load the server until it is steady, with `concurrency` requests if the profile names none."""
    share = profile.window_requests // _WARM_UP_SHARE
    size = min(max(_FEWEST_WARM_UP_REQUESTS, share), _MOST_WARM_UP_REQUESTS)
    started = asyncio.get_running_loop().time()
    collector = _Collector(WarmUpPatience(started), size, 0, started)
    generator = LoadGenerator(send, collector.take)
    await generator.run_closed_loop(profile.concurrency or concurrency)
    return collector.close(generator)


async def measure(
    profile: LoadProfile,
    send: Send,
    seed: int,
    *,
    needed: Sequence[str],
    ceilings: Sequence[Ceiling],
) -> ProfileRun:
    """Load the server until the metrics `needed` are known, or lost to a ceiling."""
    patience = MeasurePatience(profile, needed, ceilings)
    started = asyncio.get_running_loop().time()
    collector = _Collector(patience, profile.window_requests, lead_in_of(profile), started)
    generator = LoadGenerator(send, collector.take)
    began, busy = time.perf_counter(), time.thread_time()
    if profile.rate_per_second is not None:
        gaps = poisson_gaps(profile.rate_per_second, seed)
        await generator.run_open_loop(gaps, collector.note_due)
    else:
        assert profile.concurrency is not None
        await generator.run_closed_loop(profile.concurrency)
    run = collector.close(generator)
    run.client_share = (time.thread_time() - busy) / (time.perf_counter() - began)
    return run


class _Collector:
    """Takes samples, cuts windows, and asks for patience."""

    def __init__(self, patience: Patience, size: int, lead_in: int, started: float) -> None:
        self._patience = patience
        self._lead_in = lead_in
        self._builder = WindowBuilder(size, started)
        self._run = ProfileRun()
        self.note_due = self._builder.note_due

    def take(self, sample: Sample) -> After:
        """Take a sample and say how to go on."""
        window = self._window_completed_by(sample)
        after = self._patience.judge_sample(sample, self._run)
        if window is None:
            return after
        self._run.windows.append(window)
        self._run.window_count += 1
        return self._patience.judge_windows(self._run) if after is After.GO_ON else after

    def close(self, generator: LoadGenerator) -> ProfileRun:
        """Return the run; a window cut short counts where the run was lost, or has no whole one."""
        run = self._run
        rest = self._builder.cut(asyncio.get_running_loop().time())
        if rest is not None and (not run.windows or run.lost_metric is not None):
            run.windows.append(rest)
        run.sent, run.answered = generator.sent, generator.answered
        run.overloaded = generator.is_overloaded
        return run

    def _window_completed_by(self, sample: Sample) -> Window | None:
        if self._lead_in == 0:
            return self._builder.add(sample)
        self._builder.hold(sample)
        self._lead_in -= 1
        if self._lead_in == 0:
            self._builder.restart(sample.ended)
        return None
