"""The measurement of a served model: every load profile warmed up, then measured.

Warm-up and measurement share one event loop and its channels, with verification between them. The
loop waits by `select`, whose time-outs are in microseconds; those of `epoll` are in milliseconds
and would make every request of an open loop half a millisecond late.
"""

from __future__ import annotations

import asyncio
import selectors
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any, Protocol, Self, TypeVar

from deploytune.contract.metrics import MAX_RATE, metric_key
from deploytune.contract.request import TrialRequest
from deploytune.contract.workload import LoadProfile, LoadType
from deploytune_trial.measure.goals import goal_of
from deploytune_trial.measure.percentiles import percentile_of
from deploytune_trial.measure.profiles import ProfileRun, measure, warm_up
from deploytune_trial.measure.rate_search import RateSearch
from deploytune_trial.measure.windows import (
    LATENCIES,
    THROUGHPUT,
    Figure,
    figures_of_no_answer,
    latency_estimator,
    summarise,
)
from deploytune_trial.triton.server import Counters, TritonServer

_Result = TypeVar("_Result")
_LAG_PERCENTILE = 99.0
_COUNT_POLLS = 25
_GUESS = 0.7  # of the rate that the warm-up's closed loop reached
_LOWEST_GUESS = 0.1
_COUNT_POLL_SECONDS = 0.01


class Client(Protocol):
    """What sends the requests of a profile."""

    async def send(self) -> bool:
        """Send the next request; False when it was rejected or timed out."""
        ...

    async def close(self) -> None:
        """Close its channel."""
        ...


OpenClient = Callable[[LoadProfile], Client]
"""Opens a client for a profile, on the running loop."""


@dataclass(frozen=True)
class ProfileResult:
    """One measured profile: its figures by metric, and what they would be without client lag."""

    load: str
    figures: dict[str, Figure]
    figures_without_lag: dict[str, float]
    run: ProfileRun
    counted: Counters
    in_flight_before: int
    request_timeout_ms: float


class MeasureSession:
    """Warms up and measures; a context, whose loop and channels end with it."""

    def __init__(
        self, request: TrialRequest, server: TritonServer, open_client: OpenClient
    ) -> None:
        """Load `server` with the profiles of `request`."""
        self._request = request
        self._server = server
        self._open_client = open_client
        self._clients: dict[str, Client] = {}
        self._in_flight = 0
        self._warm_up_rates: dict[str, float] = {}
        self._runner = asyncio.Runner(loop_factory=_precise_loop)

    def __enter__(self) -> Self:
        """Open the channels."""
        self._run(self._open_clients())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the channels."""
        self._run(self._close_clients())
        self._runner.close()

    def warm_up(self, concurrency: int) -> dict[str, int]:
        """Warm up for every profile; return the requests each took."""
        sent = {}
        for profile in self._request.workload.loads:
            run = self._run(warm_up(profile, self._clients[profile.name].send, concurrency))
            self._in_flight += run.sent - run.answered
            if run.requests.seconds > 0:
                self._warm_up_rates[profile.name] = run.answered / run.requests.seconds
            sent[profile.name] = run.sent
        return sent

    def measure(self, profile: LoadProfile) -> ProfileResult:
        """Measure under one profile."""
        before = self._server.counters()
        found: Figure | None = None
        if profile.type is LoadType.MAX_RATE:
            run, found = self._search_rate(profile)
        else:
            run = self._measure_once(profile)
        in_flight_before = self._in_flight
        self._in_flight += run.sent - run.answered
        batch = self._request.workload.request_batch
        return ProfileResult(
            load=profile.name,
            figures=_figures(run, batch)
            if found is None
            else {**_figures(run, batch), MAX_RATE: found},
            figures_without_lag=_latencies_without_lag(run),
            run=run,
            counted=self._counted_since(before, run.answered),
            in_flight_before=in_flight_before,
            request_timeout_ms=profile.request_timeout_seconds * 1000,
        )

    def _measure_once(self, profile: LoadProfile) -> ProfileRun:
        goal = goal_of(self._request, profile.name)
        send = self._clients[profile.name].send
        return self._run(measure(profile, send, self._request.seed, goal))

    def _search_rate(self, profile: LoadProfile) -> tuple[ProfileRun, Figure]:
        """Bisect the rate; return the run that counts, with the requests of all, and the rate."""
        assert profile.rate_per_second is not None
        guess = _GUESS * self._warm_up_rates.get(profile.name, profile.rate_per_second)
        search = RateSearch(profile.rate_per_second, max(guess, _LOWEST_GUESS))
        limits = [
            limit  # throughput falls with the rate, whatever the server can do
            for limit in goal_of(self._request, profile.name).limits
            if limit.metric in LATENCIES
        ]
        runs: list[ProfileRun] = []
        best: ProfileRun | None = None
        lowest: ProfileRun | None = None
        while (rate := search.next_rate()) is not None:
            run = self._measure_once(profile.replace(rate_per_second=rate))
            figures = _figures(run, self._request.workload.request_batch)
            are_met = all(limit.is_met_by(figures[limit.metric].value) for limit in limits)
            holds = run.keeps_up and are_met
            search.tell(rate, is_sustained=holds, is_idle=not are_met and run.is_idle)
            runs.append(run)
            if holds:
                best = run
            else:  # what has piled up must not meet the next rate
                lowest = run
                send = self._clients[profile.name].send
                runs.append(self._run(warm_up(profile, send, 1)))
        counted = best or lowest
        assert counted is not None, "a search probes once at least"
        total = replace(
            counted,
            undecided=counted.undecided | ({MAX_RATE} if search.is_open else set()),
            sent=sum(run.sent for run in runs),
            answered=sum(run.answered for run in runs),
            client_share=max(run.client_share for run in runs),
        )
        return total, search.figure()

    def _counted_since(self, before: Counters, answered: int) -> Counters:
        """Return Triton's counts; it may count an answer a moment after it was seen here."""
        for _ in range(_COUNT_POLLS):
            counted = self._server.counters().since(before)
            if counted.requests >= answered:
                return counted
            time.sleep(_COUNT_POLL_SECONDS)
        return self._server.counters().since(before)

    def _run(self, work: Coroutine[Any, Any, _Result]) -> _Result:
        return self._runner.run(work)

    async def _open_clients(self) -> None:
        for profile in self._request.workload.loads:
            self._clients[profile.name] = self._open_client(profile)

    async def _close_clients(self) -> None:
        for client in self._clients.values():
            await client.close()


def lag_p99_ms(run: ProfileRun) -> float:
    """Return the 99th percentile of how late the client itself was."""
    if not len(run.requests):
        return 0.0
    return percentile_of(sorted(run.requests.lags_ms().tolist()), _LAG_PERCENTILE)


def figures_by_key(result: ProfileResult) -> dict[str, Figure]:
    """Return the figures of a profile under the keys of reports."""
    return {metric_key(metric, result.load): fig for metric, fig in result.figures.items()}


def _figures(run: ProfileRun, request_batch: int) -> dict[str, Figure]:
    """Summarise a run; in one that the server could not keep up with, latency has no end."""
    figures = summarise(run.requests, request_batch)
    if run.overloaded:
        return {**figures_of_no_answer(), THROUGHPUT: figures[THROUGHPUT]}
    return figures


def _latencies_without_lag(run: ProfileRun) -> dict[str, float]:
    if not len(run.requests):
        return {}
    latencies = run.requests.latencies_ms() - run.requests.lags_ms()
    return {name: latency_estimator(latencies, name)(0.5).value for name in LATENCIES}


def _precise_loop() -> asyncio.AbstractEventLoop:
    return asyncio.SelectorEventLoop(selectors.SelectSelector())
