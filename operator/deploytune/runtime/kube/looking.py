"""Looks on while a cluster works on a tuning; nothing is written, and no Pod is needed for it.

The stage of a trial is known only when it has ended, from its termination message: until then what
is seen of its Pod is shown, `Running` or what it waits for. Who may not look at Pods sees neither.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

from deploytune.api.recorded import RecordedTuning
from deploytune.api.trial import TuningTrial
from deploytune.api.tuning import DeploymentTuning
from deploytune.runtime.kube.api_server import ApiServer, Json
from deploytune.runtime.kube.errors import NotFoundError, RefusedError
from deploytune.runtime.kube.following import Followed
from deploytune.runtime.kube.objects import owner_uid, read_trial, read_tuning
from deploytune.runtime.kube.resources import PODS, TRIALS, TUNINGS
from deploytune.runtime.sights import Sight
from deploytune.state.pods.attempts import attempt_of
from deploytune.state.pods.labels import TRIAL_PODS, TUNING, selector
from deploytune.state.world import Attempt

_GATHERING_SECONDS = 0.2
"""What comes in close together is one look: a pass of the operator writes several objects."""

RUNNING = "Running"


class TuningInCluster:
    """A tuning, its trials and its Pods, followed for as long as the context lasts."""

    def __init__(self, api: ApiServer, namespace: str, name: str) -> None:
        """Ask nothing yet."""
        self._api = api
        self._place = f"namespace {namespace}"
        self._name = name
        labels = {TUNING: name}
        self._tunings = Followed(
            TUNINGS, namespace, fields=f"metadata.name={name}", keeps_gone=True
        )
        self._trials = Followed(TRIALS, namespace, labels=selector(labels), keeps_gone=True)
        self._pods = Followed(PODS, namespace, labels=selector({**TRIAL_PODS, **labels}))
        self._uid: str | None = None
        self._read: dict[str, tuple[str, TuningTrial]] = {}
        self._changed = asyncio.Event()
        self._tasks: tuple[asyncio.Task[None], ...] = ()

    async def __aenter__(self) -> Self:
        """Look for the first time, and begin to follow.

        Raises:
            NotFoundError: there is no such tuning.
            ClusterError: the API server refuses it, or gives no answer.
        """
        await self._tunings.list(self._api)
        found = next(iter(self._tunings.objects()), None)
        if found is None:
            raise NotFoundError(f"there is no tuning {self._name} in {self._place}")
        self._uid = found["metadata"]["uid"]
        await self._trials.list(self._api)
        with suppress(RefusedError):
            await self._pods.list(self._api)
        follow = (self._follow(each) for each in (self._tunings, self._trials))
        self._tasks = tuple(map(asyncio.create_task, (*follow, self._follow_pods())))
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Follow no longer."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def wait_for_change(self, timeout_seconds: float) -> None:
        """Return when something was heard since the last look, or after the time-out.

        Raises:
            RefusedError: looking on is not allowed any more.
        """
        with suppress(TimeoutError):
            await asyncio.wait_for(self._changed.wait(), timeout_seconds)
            await asyncio.sleep(_GATHERING_SECONDS)
        for task in self._tasks:
            if task.done():
                task.result()

    def look(self) -> Sight:
        """Return what there is, as last heard; what was deleted as it ended, as it was then.

        Raises:
            NotFoundError: the tuning is gone, and had not ended.
            ClusterError: a trial cannot be read.
        """
        self._changed.clear()
        document = self._own(self._tunings.objects())
        last = self._own(self._tunings.gone()) if document is None else document
        if last is None:
            raise self._deleted()
        tuning = read_tuning(last)
        documents = (*self._trials.gone(), *self._trials.objects())
        own = (each for each in documents if owner_uid(each) == self._uid)
        trials = sorted((self._trial(each, tuning) for each in own), key=lambda t: t.spec.index)
        followed = (self._tunings, self._trials, self._pods)
        sight = Sight(
            RecordedTuning(tuning, tuple(trials), self._place),
            self._doing(trials),
            next((each.trouble for each in followed if each.trouble is not None), None),
        )
        if document is None and not sight.is_answered:
            raise self._deleted()
        return sight

    def _own(self, documents: Iterable[Json]) -> Json | None:
        return next((each for each in documents if _uid(each) == self._uid), None)

    def _deleted(self) -> NotFoundError:
        return NotFoundError(f"the tuning {self._name} was deleted")

    async def _follow(self, followed: Followed) -> None:
        await followed.follow(self._api, self._changed.set)

    async def _follow_pods(self) -> None:
        with suppress(RefusedError):
            await self._follow(self._pods)

    def _trial(self, document: Json, tuning: DeploymentTuning) -> TuningTrial:
        """Return a trial, read once for each of its versions."""
        uid, version = _uid(document), document["metadata"]["resourceVersion"]
        known = self._read.get(uid)
        if known is None or known[0] != version:
            known = self._read[uid] = version, read_trial(document, tuning)
        return known[1]

    def _doing(self, trials: list[TuningTrial]) -> Mapping[int, tuple[str | None, datetime]]:
        running = {trial.metadata.uid: trial for trial in trials if not trial.is_finished}
        now = datetime.now(UTC)
        owned = ((pod, running.get(owner_uid(pod))) for pod in self._pods.objects())
        attempts = (
            attempt_of(pod, now, end_requested=trial.status.end_requested)
            for pod, trial in owned
            if trial is not None
        )
        return {
            attempt.trial_index: (_seen(attempt), attempt.started_at)
            for attempt in attempts
            if attempt is not None and attempt.ending is None
        }


def _seen(attempt: Attempt) -> str:
    return RUNNING if attempt.wait is None else attempt.wait.kind.value


def _uid(document: Json) -> str:
    uid: str = document["metadata"]["uid"]
    return uid
