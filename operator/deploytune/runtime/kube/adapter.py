"""The port on a cluster: an attempt is a Pod, a record is a TuningTrial.

For one tuning, which the caller has read. Objects of an earlier tuning of the same name carry
another UID in their owners: they are not seen, and where one is in the way the pass fails until
garbage collection has taken it. A status is written with the resourceVersion that the decision
was made on; when that is no longer the last, the pass fails with a `ConflictError` and is made
again on what there is then.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from deploytune.api.trial import TuningTrial
from deploytune.api.tuning import DeploymentTuning, TuningStatus
from deploytune.contract.errors import ClusterError
from deploytune.contract.request import TrialRequest
from deploytune.runtime.kube.api_server import ApiServer, Json
from deploytune.runtime.kube.deletion import Deletion
from deploytune.runtime.kube.errors import (
    AlreadyExistsError,
    ConflictError,
    NotFoundError,
    RefusedError,
)
from deploytune.runtime.kube.facts import foresee
from deploytune.runtime.kube.memory import Forecast, TuningMemory
from deploytune.runtime.kube.objects import (
    build_status,
    build_trial,
    owner_uid,
    read_trial,
    read_tuning,
)
from deploytune.runtime.kube.pod_attempts import has_ended, read_attempts
from deploytune.runtime.kube.resources import PODS, TRIALS, TUNINGS, Resource
from deploytune.state.pods.labels import MANAGED_BY, MANAGER, TRIAL_PODS, TUNING, selector
from deploytune.state.pods.manifest import PodOptions, build_pod
from deploytune.state.pods.nodes import placed_on
from deploytune.state.preflight.findings import Finding
from deploytune.state.preflight.forecasts import is_at_its_beginning
from deploytune.state.timestamps import from_timestamp
from deploytune.state.world import Attempt, World

_UNFINISHED = "status.outcome="  # an absent value is matched as an empty one

LOOKS_AGAIN_AFTER = timedelta(minutes=5)
"""After so long what was foreseen may be mended, though no Pod has a node yet."""


TrialObserver = Callable[[TuningTrial | None, TuningTrial], None]
"""Told of every trial status that was written: the trial before, if it was listed, and after."""


@dataclass(frozen=True)
class KubeOptions:
    """What the operator's installation decides, the same for all tunings."""

    pods: PodOptions
    poll_seconds: float = 1.0
    trial_written: TrialObserver | None = None
    foreseeing: asyncio.Lock = field(default_factory=asyncio.Lock)


class KubeRuntime:
    """Runs the trials of one tuning as Pods; made for a pass, or for several in a row."""

    def __init__(
        self, api: ApiServer, tuning: DeploymentTuning, memory: TuningMemory, options: KubeOptions
    ) -> None:
        """Take a tuning as it was read; `memory` is the one of its UID."""
        assert tuning.metadata.namespace is not None, "it was read from the API server"
        self._api = api
        self._tuning = tuning
        self._namespace = tuning.metadata.namespace
        self._memory = memory
        self._options = options
        self._trials: dict[int, TuningTrial] = {}
        self._pods: dict[tuple[int, int], Json] = {}
        self._listed: Sequence[Json] = ()
        self._refused_pools: set[str] = set()

    @property
    def listed_pods(self) -> Sequence[Json]:
        """The trial Pods of tunings of this name, as `gather` has found them."""
        return self._listed

    @property
    def was_refused(self) -> bool:
        """Whether a Pod was refused since `gather`: what to do about it is not decided yet."""
        return bool(self._refused_pools)

    async def gather(self) -> World:
        """Return the trials on record and the Pods there are; the tuning is as it was given."""
        self._refused_pools = set()
        trials, self._listed = await self._trials_and_pods()
        self._trials = {trial.spec.index: trial for trial in trials}
        now = datetime.now(UTC)
        found = await read_attempts(self._api, self._namespace, self._listed, trials, now)
        found = await self._with_devices(found, now)
        foreseen = await self._foreseen(trials, [attempt for attempt, _ in found], now)
        self._pods = {(attempt.trial_index, attempt.attempt): pod for attempt, pod in found}
        created = self._tuning.metadata.creation_timestamp
        assert created is not None, "the API server sets it"
        return World(
            tuning=self._tuning,
            trials=tuple(self._trials[index] for index in sorted(self._trials)),
            attempts=tuple(attempt for attempt, _ in found),
            now=now,
            parallel_trials=self._tuning.spec.parallel_trials,
            resumed_at=from_timestamp(created),
            waits_for_mending=True,
            refusals=self._memory.refusals,
            foreseen=foreseen,
        )

    async def create_trial(self, trial: TuningTrial) -> None:
        """Put a new trial on record; one that is there already stays as it is.

        Raises:
            ClusterError: a trial of an earlier tuning of this name is in the way.
        """
        body = build_trial(trial, self._tuning)
        document = await self._create(TRIALS, body, self._tuning.metadata.uid)
        self._trials[trial.spec.index] = read_trial(document, self._tuning)

    async def write_trial_status(self, trial: TuningTrial) -> None:
        """Put a trial's status on record.

        Raises:
            ConflictError: it has changed since it was read.
        """
        body = build_status(trial.metadata, trial.status)
        document = await self._api.apply(TRIALS, self._namespace, body, "status")
        before, written = self._trials.get(trial.spec.index), read_trial(document, self._tuning)
        self._trials[trial.spec.index] = written
        self._memory.add(written)
        if self._options.trial_written is not None:
            self._options.trial_written(before, written)

    async def start_attempt(self, request: TrialRequest) -> None:
        """Create the Pod of an attempt; a refusal by quota or admission is remembered.

        Raises:
            ClusterError: a Pod of an earlier tuning of this name is in the way.
            RefusedError: the namespace is being deleted.
        """
        trial = self._trials.get(request.index) or await self._read_trial(request.trial)
        if trial.spec.pool in self._refused_pools:
            return  # one answer is enough: the others wait for the next pass
        pod = build_pod(self._tuning, trial, request, self._options.pods)
        try:
            await self._create(PODS, pod, trial.metadata.uid)
        except RefusedError as error:
            if error.is_namespace_ending:
                raise
            self._memory.refuse(trial.spec.pool, str(error), datetime.now(UTC))
            self._refused_pools.add(trial.spec.pool)
        else:
            self._memory.admit(trial.spec.pool)

    async def end_attempt(self, trial_index: int, attempt: int) -> None:
        """Delete the Pod of an attempt that has not ended."""
        if (trial_index, attempt) not in self._pods:
            await self.gather()
        pod = self._pods.get((trial_index, attempt))
        if pod is not None and not has_ended(pod):
            await self._delete_pod(pod)

    async def write_tuning_status(self, status: TuningStatus) -> None:
        """Put the tuning's status on record.

        Raises:
            ConflictError: the tuning has changed since it was read.
        """
        body = build_status(self._tuning.metadata, status)
        document = await self._api.apply(TUNINGS, self._namespace, body, "status")
        self._tuning = read_tuning(document)

    async def wait_for_change(self, timeout_seconds: float) -> None:
        """Return when a Pod has changed since the last `gather`, or after the time-out.

        It asks again and again: the operator, which hears of every change by itself, has no use
        for it.
        """
        known = _versions(self._listed)
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_seconds):
                while _versions(await self._list_pods()) == known:  # noqa: ASYNC110 - no event
                    await asyncio.sleep(self._options.poll_seconds)

    async def _trials_and_pods(self) -> tuple[list[TuningTrial], list[Json]]:
        """Return both, listed at the same time; again the trials if a Pod has an unknown one.

        A trial is on record before its Pod, so one that is missing from a list made after that of
        the Pods is truly absent: its Pod may be let go of.
        """
        trials, pods = await asyncio.gather(self._read_trials(), self._list_pods())
        if {owner_uid(pod) for pod in pods} <= {trial.metadata.uid for trial in trials}:
            return trials, pods
        self._memory.forget()
        return await self._read_trials(), pods

    async def _with_devices(
        self, found: list[tuple[Attempt, Json]], now: datetime
    ) -> list[tuple[Attempt, Json]]:
        """Return the attempts with what their nodes say of the devices that they ask for."""
        pools = {pool.name: pool for pool in self._tuning.spec.node_pools}
        pool_of = {index: pools.get(trial.spec.pool) for index, trial in self._trials.items()}
        with_devices = [
            attempt.place.node
            for attempt, _ in found
            if attempt.place is not None
            and attempt.place.node is not None
            and (pool := pool_of.get(attempt.trial_index)) is not None
            and pool.resources.to_resources().nvidia_devices
        ]
        await self._memory.nodes.learn(self._api, with_devices, now)
        return [
            (placed_on(attempt, pool_of.get(attempt.trial_index), self._memory.nodes.of), pod)
            for attempt, pod in found
        ]

    async def _foreseen(
        self, trials: Sequence[TuningTrial], attempts: Sequence[Attempt], now: datetime
    ) -> tuple[Finding, ...]:
        """Return what was foreseen at the beginning: looked at once, and again while Pods wait."""
        if not self._is_ending and is_at_its_beginning(trials, attempts):
            generation, known = self._tuning.metadata.generation, self._memory.forecast
            is_due = known is None or now - known.looked_at >= LOOKS_AGAIN_AFTER
            if is_due or (known is not None and known.generation != generation):
                async with self._options.foreseeing:  # whole Nodes are large: one look at a time
                    findings = await foresee(self._api, self._tuning)
                self._memory.forecast = Forecast(generation, now, findings)
        return () if self._memory.forecast is None else self._memory.forecast.findings

    @property
    def _is_ending(self) -> bool:
        """Whether no Pod of it will be started any more, or for now."""
        tuning = self._tuning
        is_finished = tuning.status is not None and tuning.status.completion_time is not None
        is_deleted = tuning.metadata.deletion_timestamp is not None
        return tuning.spec.suspend or tuning.spec.stop or is_deleted or is_finished

    async def _read_trials(self) -> list[TuningTrial]:
        finished = self._memory.finished
        fields = "" if finished is None else _UNFINISHED
        labels = selector({MANAGED_BY: MANAGER, TUNING: self._tuning.metadata.name})
        documents = await self._api.list_all(TRIALS, self._namespace, labels=labels, fields=fields)
        own = [each for each in documents if owner_uid(each) == self._tuning.metadata.uid]
        listed = [read_trial(each, self._tuning) for each in own]
        if finished is None:
            self._memory.learn(listed)
        return [*(finished or ()), *listed]

    async def _read_trial(self, name: str) -> TuningTrial:
        document = await self._api.get(TRIALS, self._namespace, name)
        _check_owner(TRIALS, document, self._tuning.metadata.uid)
        return read_trial(document, self._tuning)

    async def _list_pods(self) -> list[Json]:
        labels = selector({**TRIAL_PODS, TUNING: self._tuning.metadata.name})
        return await self._api.list_all(PODS, self._namespace, labels=labels)

    async def _create(self, resource: Resource, body: Json, owner: str | None) -> Json:
        """Create an object, or return the one that is there if it has the same owner."""
        try:
            return await self._api.create(resource, self._namespace, body)
        except AlreadyExistsError:
            found = await self._api.get(resource, self._namespace, body["metadata"]["name"])
        _check_owner(resource, found, owner)
        return found

    async def _delete_pod(self, pod: Json) -> None:
        metadata = pod["metadata"]
        deletion = Deletion(uid=metadata["uid"])
        with suppress(NotFoundError, ConflictError):  # it is gone, or another has its name
            await self._api.delete(PODS, self._namespace, metadata["name"], deletion)


def _check_owner(resource: Resource, document: Json, owner: str | None) -> None:
    if owner_uid(document) != owner:
        name = f"{resource.kind} {document['metadata']['name']}"
        raise ClusterError(f"{name} belongs to an earlier tuning of this name; waiting for its end")


def _versions(pods: Iterable[Json]) -> dict[str, str]:
    return {pod["metadata"]["uid"]: pod["metadata"]["resourceVersion"] for pod in pods}
