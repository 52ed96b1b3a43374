"""The controller driven in this process, over many tunings of one namespace at once.

It is called when a Pod has ended or when it asked to be, as by the queue and the watches, and for
nothing else: so what an undisturbed run asks of the API server is always the same.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from deploytune.contract.errors import ClusterError
from deploytune.handlers.controller import Controller
from deploytune.handlers.endings import is_finished
from deploytune.handlers.keys import TuningKey
from deploytune.runtime.kube.adapter import KubeOptions
from deploytune.runtime.kube.api_server import ApiServer, Json
from deploytune.runtime.kube.resources import PODS, TRIALS, TUNINGS
from deploytune.state.pods.labels import RESULT_FINALIZER, TRIAL_PODS, TUNING, selector
from deploytune.state.pods.manifest import PodOptions

OPTIONS = KubeOptions(PodOptions(default_image="localhost/trial:1"))
LOOK_SECONDS = 0.2
REST_SECONDS = 0.2
LONGEST_SECONDS = 150.0

OVER = "over"
ENDED_PHASES = ("Succeeded", "Failed")

News = frozenset[str]
"""The Pods of a tuning that have ended and are held, by UID, and whether all is over."""


class Sight:
    """What there is in a namespace, looked at again and again for all who wait for news."""

    def __init__(self, api: ApiServer, namespace: str) -> None:
        self._api = api
        self.namespace = namespace
        self._looked = asyncio.Condition()
        self._news: dict[str, News] = {}

    def of(self, tuning: str) -> News:
        """Return what is to be seen of a tuning."""
        return self._news.get(tuning, frozenset())

    async def wait_for_more(self, tuning: str, known: News, seconds: float | None) -> None:
        """Return when there is more to be seen than what is known, or after so many seconds."""
        try:
            async with asyncio.timeout(seconds), self._looked:
                await self._looked.wait_for(lambda: self.of(tuning) - known)
        except TimeoutError:
            return

    async def records_of(self, tuning: str) -> tuple[Json, list[Json]]:
        """Return a tuning and its trials by index."""
        labels = selector({TUNING: tuning})
        trials = await self._api.list_all(TRIALS, self.namespace, labels=labels)
        found = await self._api.get(TUNINGS, self.namespace, tuning)
        return found, sorted(trials, key=lambda trial: int(trial["spec"]["index"]))

    async def look_for_ever(self) -> None:
        """Look, and tell those who wait."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            pods = await self._api.list_all(PODS, self.namespace, labels=selector(TRIAL_PODS))
            tunings = await self._api.list_all(TUNINGS, self.namespace)
            async with self._looked:
                self._news = {t["metadata"]["name"]: _news_of(t, pods) for t in tunings}
                self._looked.notify_all()


@asynccontextmanager
async def sight_of(api: ApiServer, namespace: str) -> AsyncIterator[Sight]:
    """Look at a namespace for as long as the context lasts."""
    sight = Sight(api, namespace)
    looking = asyncio.create_task(sight.look_for_ever())
    try:
        yield sight
    finally:
        looking.cancel()
        await asyncio.wait([looking])


async def reconcile_until_over(api: ApiServer, sight: Sight, key: TuningKey) -> None:
    """Have a new controller reconcile a tuning until it has ended and holds nothing.

    Raises:
        TimeoutError: it takes far too long.
    """
    controller = Controller(api, OPTIONS, lambda: datetime.now(UTC))
    async with asyncio.timeout(LONGEST_SECONDS):
        while True:
            known = sight.of(key.name)
            if OVER in known:
                return
            seconds = await _reconciled(controller, key)
            if seconds is None or seconds > 0:
                await sight.wait_for_more(key.name, known, seconds)


async def _reconciled(controller: Controller, key: TuningKey) -> float | None:
    """Reconcile once; what could not be done is tried again after a rest, as by the queue."""
    try:
        return await controller.reconcile(key)
    except ClusterError:
        return REST_SECONDS


def _news_of(tuning: Json, pods: Iterable[Json]) -> News:
    name = tuning["metadata"]["name"]
    own = [pod for pod in pods if pod["metadata"]["labels"][TUNING] == name]
    held = [pod for pod in own if RESULT_FINALIZER in pod["metadata"].get("finalizers", ())]
    if is_finished(tuning) and not held:
        return frozenset({OVER})
    ended = (pod for pod in held if pod["status"]["phase"] in ENDED_PHASES)
    return frozenset(pod["metadata"]["uid"] for pod in ended)
