"""One load profile: warmed up until it is steady, measured until enough is known.

Warm-up: a closed loop, whatever the profile, since it cannot overrun a server that is still slow;
windows of a quarter of the measured ones (10 to 250 requests), until the medians of two in a row
are within 20 %, at most eight windows and ten seconds. Measurement: windows until the goal is
reached (limits decided, objectives precise), at most the profile's cap. The first requests of a
measurement fill the pipeline and do not count. Requests that are outstanding for longer than any
limit count at every look and at the end: else those that are never answered would be invisible. In
an open loop a goal is not reached while requests may be piling up: their latency has no end yet.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from deploytune.contract.workload import LoadProfile, LoadType
from deploytune_trial.measure.aborting import AbortWatch
from deploytune_trial.measure.generators import After, Generator, LoadGenerator, Send, Take
from deploytune_trial.measure.goals import Goal, Inquiry
from deploytune_trial.measure.percentiles import percentile_of
from deploytune_trial.measure.pile_up import is_overrun, keeps_up
from deploytune_trial.measure.rate_search import IDLE_IN_FLIGHT
from deploytune_trial.measure.windows import LATENCIES, Requests, Sample, values_agree

WARM_UP_TOLERANCE = 0.20
WARM_UP_WINDOWS = 8
WARM_UP_SECONDS = 10.0

_WARM_UP_SHARE = 4
_FEWEST_WARM_UP_REQUESTS = 10
_MOST_WARM_UP_REQUESTS = 250
_LEAD_IN_REQUESTS = 10
_MEDIAN = 50.0
_FEWEST_OF_PROBE = 300  # of fewer, a backlog is within what chance does

OpenGenerator = Callable[[Take], Generator]
"""Opens a generator that hands its samples over."""


@dataclass
class ProfileRun:
    """What came of loading the server by one profile; `requests` are those that count.

    `settled` says whether the measurement reached its goal, `undecided` which limited metrics were
    left open when the requests were spent, `verdicts` which limits (metric and bound) were met when
    they were decided, `due` how many requests came due meanwhile.
    """

    requests: Requests
    window_count: int = 0
    lost_metric: str | None = None
    settled: bool = False
    undecided: frozenset[str] = frozenset()
    verdicts: Mapping[tuple[str, float], bool] = field(default_factory=dict)
    overloaded: bool = False
    due: int = 0
    sent: int = 0
    answered: int = 0
    client_share: float = 0.0
    generators: int = 1

    @property
    def is_hopeless(self) -> bool:
        """Whether it was given up."""
        return self.overloaded or self.lost_metric is not None

    @property
    def keeps_up(self) -> bool:
        """Whether all were answered, and none piled up."""
        return not self.is_hopeless and self.requests.all_end and keeps_up(self.requests, self.due)

    @property
    def is_idle(self) -> bool:
        """Whether so few requests were in flight that none waited for another."""
        in_flight = self.due * self.requests.mean_seconds() / max(self.requests.seconds, 1e-9)
        return not self.overloaded and self.due > 0 and in_flight < IDLE_IN_FLIGHT


class Patience(Protocol):
    """Decides how long a run goes on."""

    def judge_sample(self, sample: Sample, run: ProfileRun) -> After:
        """Look at one more sample."""
        ...

    def judge_windows(self, run: ProfileRun, seen: Requests) -> After:
        """Look at the windows after one more was completed; `seen` has the overdue ones too."""
        ...

    def overdue_ms(self, run: ProfileRun) -> float:
        """Return for how long a request must be outstanding to count."""
        ...


class WarmUpPatience:
    """Until two windows have nearly the same median, or the caps are reached."""

    def __init__(self, started: float, window_size: int) -> None:
        """Count the seconds from `started`, and windows of so many requests."""
        self._until = started + WARM_UP_SECONDS
        self._size = window_size
        self._last_median: float | None = None

    def judge_sample(self, sample: Sample, run: ProfileRun) -> After:  # noqa: ARG002 - the protocol's
        """Stop when the seconds are spent."""
        return After.STOP if sample.ended >= self._until else After.GO_ON

    def judge_windows(self, run: ProfileRun, seen: Requests) -> After:
        """Stop when the last two agree, or there were enough."""
        latest = seen.latencies_ms(since=len(seen) - self._size)
        median = percentile_of(sorted(latest.tolist()), _MEDIAN)
        before, self._last_median = self._last_median, median
        steady = before is not None and values_agree([before, median], WARM_UP_TOLERANCE)
        return After.STOP if steady or run.window_count >= WARM_UP_WINDOWS else After.GO_ON

    def overdue_ms(self, run: ProfileRun) -> float:  # noqa: ARG002 - the protocol's
        """Wait for all."""
        return math.inf


class MeasurePatience:
    """Until the goal is reached or the profile's cap, or until the measurement is lost."""

    def __init__(self, profile: LoadProfile, goal: Goal) -> None:
        """Measure for a goal; give up at its ceilings."""
        self._profile = profile
        self._inquiry = Inquiry(profile, goal)
        most_requests = profile.max_windows * profile.window_requests
        self._watch = AbortWatch(goal.ceilings, most_requests)
        self._lead_in = lead_in_of(profile)
        self._is_poisson = profile.type is LoadType.POISSON
        self._is_probe = profile.type is LoadType.MAX_RATE
        bounds = [limit.bound for limit in goal.limits if limit.metric in LATENCIES]
        self._largest_limit_ms = max(bounds, default=None)

    def judge_sample(self, sample: Sample, run: ProfileRun) -> After:
        """Give up when a ceiling is certain to be broken."""
        run.lost_metric = self._watch.add(sample.latency_ms)
        self._lead_in -= 1
        if self._lead_in == 0:  # what it held does not count
            self._watch.begin()
        return After.GO_ON if run.lost_metric is None else After.GIVE_UP

    def judge_windows(self, run: ProfileRun, seen: Requests) -> After:
        """Stop when enough is known, or the windows are spent."""
        run.settled |= self._inquiry.is_over(run.window_count, seen)
        run.undecided = frozenset(self._inquiry.decisions.undecided)
        run.verdicts = self._inquiry.decisions.verdicts
        if run.window_count >= self._profile.max_windows:
            run.overloaded = self._is_poisson and is_overrun(run.requests, run.due)
            return After.STOP
        return After.STOP if run.settled and not self._may_be_overrun(run) else After.GO_ON

    def _may_be_overrun(self, run: ProfileRun) -> bool:
        """Tell whether what seems good would end badly: requests pile up, or may do so.

        More windows show it: what a server cannot bear grows faster than what chance does.
        """
        if self._inquiry.decisions.is_missed:
            return False
        if self._is_probe:
            return len(run.requests) < _FEWEST_OF_PROBE
        if not self._is_poisson:
            return False
        if is_overrun(run.requests, run.due):
            run.overloaded = True
            return False
        return not keeps_up(run.requests, run.due)

    def overdue_ms(self, run: ProfileRun) -> float:
        """Return the largest limit of a latency, without limits the largest latency so far."""
        return self._largest_limit_ms or run.requests.largest_ms()


def lead_in_of(profile: LoadProfile) -> int:
    """Return how many requests come before the first window."""
    return min(profile.window_requests, profile.concurrency or _LEAD_IN_REQUESTS)


async def warm_up(profile: LoadProfile, send: Send, concurrency: int) -> ProfileRun:
    """Load the server until it is steady, with `concurrency` requests if the profile names none."""
    share = profile.window_requests // _WARM_UP_SHARE
    size = min(max(_FEWEST_WARM_UP_REQUESTS, share), _MOST_WARM_UP_REQUESTS)
    started = asyncio.get_running_loop().time()
    collector = _Collector(WarmUpPatience(started, size), size, 0, started)
    generator = LoadGenerator(send, collector.take)
    return await _run(
        generator, collector, generator.run_closed_loop(profile.concurrency or concurrency)
    )


async def measure(profile: LoadProfile, send: Send, seed: int, goal: Goal) -> ProfileRun:
    """Load the server until the goal is reached, or lost to a ceiling."""
    return await measure_by(lambda take: LoadGenerator(send, take), profile, seed, goal)


async def measure_by(
    open_generator: OpenGenerator, profile: LoadProfile, seed: int, goal: Goal
) -> ProfileRun:
    """Measure as `measure` does, with a generator of the caller's choice."""
    started = asyncio.get_running_loop().time()
    patience = MeasurePatience(profile, goal)
    collector = _Collector(patience, profile.window_requests, lead_in_of(profile), started)
    generator = open_generator(collector.take)
    if profile.rate_per_second is not None:
        load = generator.run_poisson(profile.rate_per_second, seed, collector.note_due)
    else:
        assert profile.concurrency is not None
        load = generator.run_closed_loop(profile.concurrency)
    return await _run(generator, collector, load)


async def _run(generator: Generator, collector: _Collector, load: Awaitable[None]) -> ProfileRun:
    collector.follow(generator)
    await load
    return collector.close(generator)


class _Collector:
    """Takes samples, counts windows, and asks for patience."""

    def __init__(self, patience: Patience, size: int, lead_in: int, started: float) -> None:
        self._patience = patience
        self._size = size
        self._lead_in = lead_in
        self._led_in = Requests(started)
        self._run = ProfileRun(Requests(started))
        self._generator: Generator | None = None

    def follow(self, generator: Generator) -> None:
        """Look at the requests outstanding of the generator that samples come from."""
        self._generator = generator

    def note_due(self) -> None:
        """Count a request that is to be sent now."""
        self._run.due += 1

    def take(self, sample: Sample) -> After:
        """Take a sample and say how to go on."""
        ends_window = self._ends_window(sample)
        after = self._patience.judge_sample(sample, self._run)
        if not ends_window:
            return after
        self._run.window_count += 1
        if after is not After.GO_ON:
            return after
        assert self._generator is not None
        overdue = self._overdue(self._generator.outstanding(), sample.ended)
        return self._patience.judge_windows(self._run, self._run.requests.with_late(overdue))

    def close(self, generator: Generator) -> ProfileRun:
        """Return the run; one that was lost in its lead-in has nothing else to show."""
        run = self._run
        if not len(run.requests):
            run.requests = self._led_in
        if not generator.is_overloaded and run.lost_metric is None:  # else nobody waited for them
            for sample in self._overdue(generator.late(), generator.ended_at):
                run.requests.add_late(sample)
        run.overloaded |= generator.is_overloaded
        run.sent, run.answered = generator.sent, generator.answered
        run.client_share = generator.cpu_share
        return run

    def _overdue(self, samples: Sequence[Sample], at: float) -> list[Sample]:
        """Return those that had been outstanding at a moment for long enough to count."""
        if not samples:
            return []
        latest_due = at - self._patience.overdue_ms(self._run) / 1000
        return [sample for sample in samples if sample.intended < latest_due]

    def _ends_window(self, sample: Sample) -> bool:
        if self._lead_in == 0:
            self._run.requests.add(sample)
            return len(self._run.requests) % self._size == 0
        self._led_in.add(sample)
        self._lead_in -= 1
        if self._lead_in == 0:
            self._run.requests = Requests(sample.ended)
            self._run.due = 0
        return False
