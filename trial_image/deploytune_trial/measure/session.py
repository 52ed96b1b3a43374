"""The measurement of a served model: every load profile warmed up, then measured.

Warm-up and measurement share one event loop and its channels, with verification between them. Where
the warm-up or the measurement shows that this process cannot send a profile's load, several do.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any, Protocol, Self, TypeVar

from deploytune.contract.metrics import MAX_RATE, metric_key
from deploytune.contract.request import TrialRequest
from deploytune.contract.workload import LoadProfile, LoadType
from deploytune_trial.measure.goals import goal_of
from deploytune_trial.measure.percentiles import percentile_of
from deploytune_trial.measure.precise_loop import precise_loop
from deploytune_trial.measure.profiles import ProfileRun, measure, measure_by, warm_up
from deploytune_trial.measure.rate_search import RateSearch
from deploytune_trial.measure.spread_load import (
    GeneratorProcess,
    Room,
    SpreadLoad,
    processes_for,
)
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
_CLIENT_BOUND_SHARE = 0.95
_WORTH_IT = 1.05
"""How much more several processes must send for the client to have been what bounded the load."""


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

OpenProcesses = Callable[[LoadProfile, int], Awaitable[tuple[GeneratorProcess, ...]]]
"""Opens a number of generator processes for a profile, on the running loop."""


@dataclass(frozen=True)
class CountedRun:
    """A run, what Triton counted meanwhile, and the requests that were open when it began."""

    run: ProfileRun
    counted: Counters
    in_flight_before: int


@dataclass(frozen=True)
class WarmUpRate:
    """The greatest rate that a warm-up reached, and how much of a CPU that took."""

    per_second: float
    cpu_share: float

    def share_at(self, rate_per_second: float | None) -> float:
        """Return how much of a CPU another rate would take; without one, the same."""
        if rate_per_second is None:
            return self.cpu_share
        return self.cpu_share * rate_per_second / self.per_second


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
        self,
        request: TrialRequest,
        server: TritonServer,
        open_client: OpenClient,
        open_processes: OpenProcesses,
        room: Callable[[], Room],
    ) -> None:
        """Load `server` with the profiles of `request`; `room` says what is left for that."""
        self._open_processes = open_processes
        self._room = room
        self._processes: tuple[GeneratorProcess, ...] = ()
        self._request = request
        self._server = server
        self._open_client = open_client
        self._clients: dict[str, Client] = {}
        self._in_flight = 0
        self._warm_up_rates: dict[str, WarmUpRate] = {}
        self._runner = asyncio.Runner(loop_factory=precise_loop)

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
                rate = run.answered / run.requests.seconds
                self._warm_up_rates[profile.name] = WarmUpRate(rate, run.client_share)
            sent[profile.name] = run.sent
        return sent

    def measure(
        self, profile: LoadProfile, begins_again: Callable[[], None] = lambda: None
    ) -> ProfileResult:
        """Measure under one profile; `begins_again` is called when what was seen is put aside."""
        found: Figure | None = None
        try:
            if profile.type is LoadType.MAX_RATE:
                counted, found = self._search_rate(profile)
            else:
                counted = self._measure_by_enough(profile, begins_again)
        finally:
            self._run(self._close_processes())
        run, batch = counted.run, self._request.workload.request_batch
        return ProfileResult(
            load=profile.name,
            figures=_figures(run, batch)
            if found is None
            else {**_figures(run, batch), MAX_RATE: found},
            figures_without_lag=_latencies_without_lag(run),
            run=run,
            counted=counted.counted,
            in_flight_before=counted.in_flight_before,
            request_timeout_ms=profile.request_timeout_seconds * 1000,
        )

    def _measure_by_enough(
        self, profile: LoadProfile, begins_again: Callable[[], None]
    ) -> CountedRun:
        """Measure, again by more processes as long as the client bounds a load and more send more.

        Only of a closed loop can this be: a rate says beforehand how many it needs.
        """
        number = self._processes_needed(profile)
        measured = self._measured(number, profile)
        while is_client_bound(measured.run) and profile.concurrency is not None:
            more = min(2 * number, self._most_processes(), profile.concurrency)
            if more <= number:
                break
            number = more
            self._run(self._open_lacking(number, profile))
            begins_again()
            again = self._measured(number, profile)
            if _rate(again.run) < _WORTH_IT * _rate(measured.run):
                break  # what one cannot send, several that share its CPUs cannot either
            measured = again
        return measured

    def _measured(self, number: int, profile: LoadProfile) -> CountedRun:
        before = self._server.counters()
        return self._counted(self._measure_by(number, profile), before)

    def _counted(self, run: ProfileRun, before: Counters) -> CountedRun:
        in_flight_before = self._in_flight
        self._in_flight += run.sent - run.answered
        return CountedRun(run, self._counted_since(before, run.answered), in_flight_before)

    def _measure_by(self, number: int, profile: LoadProfile) -> ProfileRun:
        goal, seed = goal_of(self._request, profile.name), self._request.seed
        if number == 1:
            send = self._clients[profile.name].send
            return self._run(measure(profile, send, seed, goal))
        self._run(self._open_lacking(number, profile))
        opened = self._processes[:number]
        run = self._run(measure_by(lambda take: SpreadLoad(opened, take), profile, seed, goal))
        run.generators = number
        return run

    async def _open_lacking(self, number: int, profile: LoadProfile) -> None:
        lacking = number - len(self._processes)
        if lacking > 0:
            self._processes += await self._open_processes(profile, lacking)

    def _most_processes(self) -> int:
        return self._room().processes_beside(len(self._processes))

    def _processes_needed(self, profile: LoadProfile) -> int:
        warmed_up = self._warm_up_rates.get(profile.name)
        if warmed_up is None or warmed_up.per_second <= 0:
            return 1
        share = warmed_up.share_at(profile.rate_per_second)
        return max(len(self._processes), processes_for(share, self._most_processes()))

    def _search_rate(self, profile: LoadProfile) -> tuple[CountedRun, Figure]:
        """Bisect the rate; return the run that counts, with the requests of all, and the rate."""
        before = self._server.counters()
        assert profile.rate_per_second is not None
        warmed_up = self._warm_up_rates.get(profile.name)
        guess = _GUESS * (warmed_up.per_second if warmed_up else profile.rate_per_second)
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
            probe = profile.replace(rate_per_second=rate)
            run = self._measure_by(self._processes_needed(probe), probe)
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
        return self._counted(total, before), search.figure()

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

    async def _close_processes(self) -> None:
        opened, self._processes = self._processes, ()
        for process in opened:
            await process.close()

    async def _close_clients(self) -> None:
        for client in self._clients.values():
            await client.close()


def is_client_bound(run: ProfileRun) -> bool:
    """Tell whether the generator itself may have decided how much was sent."""
    return run.client_share > _CLIENT_BOUND_SHARE


def _rate(run: ProfileRun) -> float:
    return run.answered / run.requests.seconds if run.requests.seconds > 0 else 0.0


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
