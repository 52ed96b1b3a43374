"""The operator as one process: access, the Lease, then watches, queue, heartbeat and sweep.

Nothing is written before the Lease is held. SIGTERM lets the passes in hand end, gives the Lease
back and returns; a Lease that is lost ends all of it at once, whatever is in hand: another operator
may write by then.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
import uuid
from collections.abc import Coroutine, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum, auto
from functools import partial
from pathlib import Path

from deploytune.handlers.access import check_access
from deploytune.handlers.controller import Controller
from deploytune.handlers.heartbeat import Remembered, beat_for_ever
from deploytune.handlers.keys import TuningKey
from deploytune.handlers.kopf_handlers import Listener, handlers_for
from deploytune.handlers.liveness import Hearing, liveness
from deploytune.handlers.login import add_login
from deploytune.handlers.queue import WorkQueue
from deploytune.handlers.scraping import scraping
from deploytune.handlers.serving import Endpoint, serving
from deploytune.handlers.sweep import EVERYWHERE, release_all, sweep_for_ever
from deploytune.handlers.telemetry import Telemetry
from deploytune.handlers.watch import Watch
from deploytune.runtime.kube.adapter import KubeOptions
from deploytune.runtime.kube.api_server import ApiServer
from deploytune.runtime.kube.connection import connect, read_configuration
from deploytune.runtime.kube.lease import Lease, LeaseLostError
from deploytune.state.pods.manifest import PodOptions

_DECIDING_THREADS = 4
"""Decisions at a time, and look-ups of names: more threads would only take turns."""

_GRACE_SECONDS = 8.0
"""For the passes in hand after SIGTERM."""

_WATCH_GRACE_SECONDS = 1.0

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class OperatorOptions:
    """How an operator is run; `namespaces` are all where none is named."""

    trial_image: str
    lease_namespace: str
    lease_name: str
    namespaces: tuple[str, ...] = ()
    kubeconfig: Path | None = None
    context: str | None = None
    liveness: str | None = None
    metrics: str | None = None
    heartbeat_seconds: float = 30.0
    workers: int = 16

    @property
    def scopes(self) -> Sequence[str | None]:
        """What is listed: each namespace, or all at once."""
        return self.namespaces or EVERYWHERE


@dataclass(frozen=True)
class _Signs:
    """The signs of life and of work that the endpoints show."""

    hearing: Hearing
    telemetry: Telemetry


class End(Enum):
    """Why an operator has ended."""

    STOPPED = auto()
    LEASE_LOST = auto()


async def run_operator(options: OperatorOptions) -> End:
    """Run until SIGTERM or SIGINT, or until the Lease is lost.

    Raises:
        MachineError: there is no access to a cluster, the CRDs or a right are missing, or another
            installation watches the same namespaces.
        ClusterError: the API server gives no answer at the start.
    """
    loop, stopped = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    loop.set_default_executor(ThreadPoolExecutor(_DECIDING_THREADS, "deciding"))
    hearing, telemetry = Hearing(), Telemetry()

    def answered(verb: str, code: int | None) -> None:
        telemetry.metrics.requested(verb, code)
        if code is not None:
            hearing.heard()

    async with (
        connect(options.kubeconfig, options.context, observer=answered) as api,
        serving(_endpoints(options, hearing, telemetry)),
    ):
        await check_access(api, options.scopes, options.lease_namespace)
        return await _lead(api, options, _Signs(hearing, telemetry), stopped)


def _endpoints(options: OperatorOptions, hearing: Hearing, telemetry: Telemetry) -> list[Endpoint]:
    wanted = (
        ("--liveness", options.liveness, liveness(hearing)),
        ("--metrics", options.metrics, scraping(telemetry.metrics.registry)),
    )
    return [Endpoint(flag, url, answer) for flag, url, answer in wanted if url is not None]


async def release_everything(options: OperatorOptions) -> int:
    """Drop the finalizers of all trial Pods, delete the Lease, and return how many Pods there were.

    A Lease that an operator holds is left to it.

    Raises:
        ClusterError: the API server gives no answer, or refuses it.
    """
    async with connect(options.kubeconfig, options.context) as api:
        released = await release_all(api, options.scopes)
        if not await Lease(api, options.lease_namespace, options.lease_name, "").delete():
            place = f"{options.lease_namespace}/{options.lease_name}"
            _log.warning("Lease %s is not deleted: an operator holds it", place)
        return released


async def _lead(
    api: ApiServer, options: OperatorOptions, signs: _Signs, stopped: asyncio.Event
) -> End:
    """Wait for the Lease, work while it is held, and give it back."""
    lease = Lease(
        api,
        options.lease_namespace,
        options.lease_name,
        identity=f"{socket.gethostname()}-{uuid.uuid4()}",
        watched=options.namespaces,
    )
    end = End.STOPPED
    async with AsyncExitStack() as held:
        if await _ends_before(stopped, held.enter_async_context(lease)):
            try:
                await _work(api, options, lease, signs, stopped)
            except* LeaseLostError as lost:
                _log.error("%s", lost.exceptions[0])
                end = End.LEASE_LOST
    return end


async def _work(
    api: ApiServer,
    options: OperatorOptions,
    lease: Lease,
    signs: _Signs,
    stopped: asyncio.Event,
) -> None:
    """Reconcile tunings until stopped, then finish what is in hand.

    Raises:
        ExceptionGroup: the Lease is lost, or one of the tasks has failed.
    """
    guarded = api.guarded_by(lambda: lease.is_held)
    telemetry = signs.telemetry
    pods = KubeOptions(PodOptions(options.trial_image))
    controller = Controller(guarded, pods, _now, telemetry)
    queue = WorkQueue(controller.reconcile, options.workers, telemetry.metrics.waited)
    telemetry.census.queue_depth = lambda: queue.depth
    telemetry.census.is_leading = lambda: lease.is_held
    remembered = Remembered(controller.known, telemetry.census.keys)
    beat = beat_for_ever(guarded, options.scopes, options.heartbeat_seconds, queue.add, remembered)
    with _watching(options, controller, queue, signs.hearing):
        async with asyncio.TaskGroup() as tasks:
            working = tasks.create_task(queue.run())
            others = [
                tasks.create_task(each)
                for each in (lease.keep(), beat, sweep_for_ever(guarded, options.scopes))
            ]
            await stopped.wait()
            _log.info("stopping: the passes in hand are finished")
            queue.stop()
            await asyncio.wait([working], timeout=_GRACE_SECONDS)
            for task in (working, *others):
                task.cancel()


@contextmanager
def _watching(
    options: OperatorOptions,
    controller: Controller,
    queue: WorkQueue[TuningKey],
    hearing: Hearing,
) -> Iterator[None]:
    """Have what the watches see put into the queue, on its own event loop."""
    loop = asyncio.get_running_loop()

    def look_at(key: TuningKey) -> None:
        hearing.heard()
        queue.add(key)

    registry = handlers_for(
        Listener(
            look_at=lambda key: loop.call_soon_threadsafe(look_at, key),
            forget=lambda key: loop.call_soon_threadsafe(controller.forget, key),
        )
    )
    add_login(registry, partial(read_configuration, options.kubeconfig, options.context))
    watch = Watch(registry, options.namespaces)
    watch.start()
    try:
        yield
    finally:
        watch.stop(_WATCH_GRACE_SECONDS)


async def _ends_before(
    stopped: asyncio.Event, coroutine: Coroutine[object, object, object]
) -> bool:
    """Run something to its end, or cancel it when the process is stopped; tell which it was."""
    task, stop = asyncio.ensure_future(coroutine), asyncio.ensure_future(stopped.wait())
    await asyncio.wait([task, stop], return_when=asyncio.FIRST_COMPLETED)
    if task.done():
        stop.cancel()
        task.result()
        return True
    task.cancel()
    await asyncio.wait([task])
    return False


def _now() -> datetime:
    return datetime.now(UTC)
