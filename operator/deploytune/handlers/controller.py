"""What is done for one tuning when its turn comes; each step may be repeated.

    gone                    Pods that wait for nobody are released, everything is forgotten
    finished                nothing of it is held; deleted when its time to live is over
    spec breaks a rule      its status says so, and it has ended
    else                    one pass of `runtime/passes.py`, then Events, then releases

What goes wrong stays with its tuning: a conflict is met by a fresh look at once, an API server that
gives no answer by a later one, and anything else stands in the condition Degraded as well, until a
pass succeeds.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from time import perf_counter

from deploytune.api.rules import check_cluster, check_stock_trial, check_tuning
from deploytune.api.stock_combinations import without_refused
from deploytune.api.tuning import DeploymentTuning
from deploytune.contract.errors import ClusterError, InvalidTuningError
from deploytune.handlers.endings import expire, is_finished, leave_nothing
from deploytune.handlers.failing import Failures
from deploytune.handlers.keys import TuningKey
from deploytune.handlers.letting_go import end_all, let_go, let_go_of_recorded
from deploytune.handlers.narration import narrate
from deploytune.handlers.sweep import release_orphans
from deploytune.handlers.telemetry import Telemetry, kind_of_failure
from deploytune.handlers.telling import tell
from deploytune.observability.logs import about
from deploytune.runtime.kube.adapter import KubeOptions, KubeRuntime
from deploytune.runtime.kube.api_server import ApiServer, Json
from deploytune.runtime.kube.errors import ConflictError, NotLeadingError, UnavailableError
from deploytune.runtime.kube.memory import TuningMemory
from deploytune.runtime.kube.objects import NewerFieldError, read_tuning
from deploytune.runtime.kube.resources import PODS, TUNINGS
from deploytune.runtime.passes import run_pass
from deploytune.state.pods.labels import TRIAL_PODS, TUNING, selector

_LOOKS = 5
"""How often a tuning that changes meanwhile is looked at afresh before it rests."""

_AT_ONCE = 0.0

_PASSING = (ConflictError, UnavailableError, NotLeadingError)
"""What is over by itself, or at the next look."""

_log = logging.getLogger(__name__)


class Controller:
    """Reconciles tunings; the queue sees to it that each is in one pair of hands."""

    def __init__(
        self,
        api: ApiServer,
        options: KubeOptions,
        clock: Callable[[], datetime],
        telemetry: Telemetry | None = None,
    ) -> None:
        self._api = api
        self._telemetry = telemetry or Telemetry()
        self._metrics, self._census = self._telemetry.metrics, self._telemetry.census
        self._options = replace(options, trial_written=self._metrics.trial_written)
        self._clock = clock
        self._failures = Failures(api, clock)
        self._memories: dict[TuningKey, tuple[str | None, TuningMemory]] = {}
        self._accepted: dict[TuningKey, tuple[str | None, int | None]] = {}

    def known(self) -> Iterable[TuningKey]:
        """Return the tunings that something is remembered of."""
        return tuple(self._memories)

    def forget(self, key: TuningKey) -> None:
        """List everything of a tuning anew the next time."""
        if key in self._memories:
            self._memories[key][1].forget()

    async def reconcile(self, key: TuningKey) -> float | None:
        """Do what there is to do; return after how many seconds to look again, if nothing comes.

        Raises:
            Exception: whatever went wrong, once it is told; the tuning is to be tried again.
        """
        began = perf_counter()
        try:
            after_seconds = await self._until_no_conflict(key)
        except ClusterError as error:
            _log.warning("put off: %s", error, extra=about(*key))
            await self._failed(key, error, perf_counter() - began)
            raise
        except Exception as error:
            _log.exception("the pass failed", extra=about(*key))
            await self._failed(key, error, perf_counter() - began)
            raise
        self._metrics.passed("done", perf_counter() - began)
        self._failures.over(key)
        return after_seconds

    async def _failed(self, key: TuningKey, error: Exception, seconds: float) -> None:
        self._metrics.passed("failed", seconds)
        self._metrics.failed(kind_of_failure(error))
        self.forget(key)
        if not isinstance(error, _PASSING):
            told = await self._failures.tell(key, error)
            if told is not None:
                self._census.note_status(key, told)

    async def _until_no_conflict(self, key: TuningKey) -> float | None:
        for _ in range(_LOOKS - 1):
            try:
                return await self._look_at(key)
            except ConflictError:
                self.forget(key)
        return await self._look_at(key)

    async def _look_at(self, key: TuningKey) -> float | None:
        found = await self._api.find(TUNINGS, key.namespace, key.name)
        if found is None:
            self._drop(key)
            await release_orphans(self._api, key.namespace, key.name)
            return None
        if is_finished(found):
            after_seconds = await self._finished(key, found)
            self._census.note_end(key)
            return after_seconds
        try:
            tuning = read_tuning(found)
            self._check(key, tuning)
        except NewerFieldError:  # a newer operator will know it
            raise
        except InvalidTuningError as error:
            if found.get("status", {}).get("trials"):  # what it ran under another version stays
                raise
            refused = await self._failures.refuse(found, error)
            self._metrics.tuning_written(key.namespace, None, refused)
            return _AT_ONCE
        runs_stock_trial = tuning.spec.trial.image is None
        return await self._pass(key, without_refused(tuning) if runs_stock_trial else tuning)

    async def _finished(self, key: TuningKey, found: Json) -> float | None:
        try:
            tuning = read_tuning(found)
        except InvalidTuningError:
            labels = selector({**TRIAL_PODS, TUNING: key.name})
            await end_all(self._api, await self._api.list_all(PODS, key.namespace, labels=labels))
            return None
        await leave_nothing(self._api, self._runtime(key, tuning), tuning)
        self._drop(key)
        return await expire(self._api, tuning, self._clock)

    def _check(self, key: TuningKey, tuning: DeploymentTuning) -> None:
        """Hold each generation of a tuning against the rules, once."""
        generation = (tuning.metadata.uid, tuning.metadata.generation)
        if self._accepted.get(key) == generation:
            return
        check_tuning(tuning)
        check_cluster(tuning)
        if tuning.spec.trial.image is None:
            check_stock_trial(tuning)
        self._accepted[key] = generation

    async def _pass(self, key: TuningKey, tuning: DeploymentTuning) -> float | None:
        metadata = tuning.metadata
        if metadata.deletion_timestamp is not None:
            await release_orphans(self._api, key.namespace, key.name)
        runtime, retention = self._runtime(key, tuning), tuning.spec.trial.pod_retention
        try:
            decision = await run_pass(runtime, timer=self._metrics.decided)
        except _PASSING:
            raise
        except Exception:
            # What is on record is let go of all the same: a namespace that is being deleted
            # refuses the next Pod, and waits for the last one.
            with suppress(ClusterError):
                await let_go_of_recorded(self._api, runtime, retention)
            raise
        narrate(key, decision)
        self._census.note(key, decision.status, decision.trials)
        if decision.status_changed:
            self._metrics.tuning_written(key.namespace, tuning.status, decision.status)
            await tell(self._api, metadata, tuning.status, decision.status, self._clock())
        await let_go(self._api, runtime.listed_pods, decision.trials, retention)
        if decision.is_finished or runtime.was_refused:
            return _AT_ONCE
        return decision.wake_after_seconds

    def _runtime(self, key: TuningKey, tuning: DeploymentTuning) -> KubeRuntime:
        known, memory = self._memories.get(key, (None, TuningMemory()))
        if known != tuning.metadata.uid:
            memory = TuningMemory()
        self._memories[key] = tuning.metadata.uid, memory
        return KubeRuntime(self._api, tuning, memory, self._options)

    def _drop(self, key: TuningKey) -> None:
        self._memories.pop(key, None)
        self._accepted.pop(key, None)
        self._census.drop(key)
