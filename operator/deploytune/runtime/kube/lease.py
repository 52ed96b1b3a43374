"""One operator writes at a time: the one that holds the Lease.

    waiting ──the Lease is free, or its holder has not renewed it──▶ held
    held ──not renewed within `renew_seconds`──▶ in doubt ──renewed──▶ held
    held, in doubt ──another has it, or it is gone──▶ lost: the process is to end
    held, in doubt ──clean stop──▶ released: a successor need not wait

In doubt nothing is written: `ApiServer.guarded_by(lambda: lease.is_held)` sees to that before
every single request. A successor takes the Lease when it has seen no renewal for the whole
`duration_seconds`, by its own clock, so clocks need not agree. An API server that is away for
a minute therefore costs its operator no restart: nobody can have taken the Lease meanwhile.

`kubernetes.aio.leaderelection` is not used: its calls may hang for five minutes each, far beyond
the deadline of a renewal, while its holder goes on; an API server that refuses connections ends it
with the holder's task still running; it never gives the Lease back; and it writes local time as if
it were UTC.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

from deploytune.contract.errors import ClusterError
from deploytune.runtime.kube.api_server import ApiServer, Json
from deploytune.runtime.kube.deletion import Deletion
from deploytune.runtime.kube.errors import (
    AlreadyExistsError,
    ConflictError,
    NotFoundError,
    UnavailableError,
)
from deploytune.runtime.kube.installations import labels_and_annotations, refuse_overlap
from deploytune.runtime.kube.patience import Patience
from deploytune.runtime.kube.resources import LEASES

_log = logging.getLogger(__name__)


class LeaseLostError(ClusterError):
    """Another process may write now: this one must not."""


@dataclass(frozen=True)
class LeaseTimes:
    """How long a Lease holds, when its holder begins to doubt, and how often it is renewed."""

    duration_seconds: int = 15
    renew_seconds: float = 10.0
    retry_seconds: float = 2.0

    def __post_init__(self) -> None:
        """Refuse times with which two could hold the Lease at once."""
        if not 0 < self.retry_seconds < self.renew_seconds < self.duration_seconds:
            raise ValueError(
                "retry_seconds must be less than renew_seconds, and that less than "
                f"duration_seconds, got {self.retry_seconds:g}, {self.renew_seconds:g}, "
                f"{self.duration_seconds}"
            )


class Lease:
    """A Lease by its name; entering it waits until it is held, leaving it gives it back.

    `keep` must run for as long as it is to be held. `identity` must be this process's alone.
    """

    def __init__(
        self,
        api: ApiServer,
        namespace: str,
        name: str,
        identity: str,
        *,
        watched: Collection[str] = (),
        times: LeaseTimes | None = None,
    ) -> None:
        """Say whose it is to be, and which namespaces its holder watches; all if none is named."""
        self._times = times or LeaseTimes()
        patience = Patience(
            connect_seconds=self._times.retry_seconds,
            call_seconds=self._times.renew_seconds / 2,
            calls=1,
        )
        self._api = api.with_patience(patience)
        self._namespace = namespace
        self._name = name
        self._identity = identity
        self._watched = frozenset(watched)
        self._mine: Json | None = None
        self._held_until = 0.0
        self._seen_version = ""
        self._seen_at = 0.0

    @property
    def is_held(self) -> bool:
        """Whether it is held beyond doubt, so that this process may write."""
        return self._mine is not None and time.monotonic() < self._held_until

    async def __aenter__(self) -> Self:
        """Wait until it is held.

        Raises:
            MachineError: another installation watches one of the same namespaces.
            RefusedError: a right is missing.
        """
        while not await self._acquire():  # noqa: ASYNC110 - only the API server knows
            await asyncio.sleep(self._times.retry_seconds)
        _log.info("%s is held by %s", self._place, self._identity)
        try:
            await refuse_overlap(self._api, self._namespace, self._name, self._watched)
        except BaseException:
            await self._release()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Give it back, unless it is lost."""
        await self._release()

    async def keep(self) -> None:
        """Renew it until it is lost; this never returns.

        Raises:
            LeaseLostError: another has taken it, or it is gone.
        """
        while True:
            await asyncio.sleep(self._times.retry_seconds)
            try:
                await self._renew()
            except LeaseLostError:
                self._mine = None
                raise
            except ClusterError as error:  # a server that has just started may refuse, too
                _log.warning("%s is not renewed: %s", self._place, error)

    async def delete(self) -> bool:
        """Delete it unless somebody holds it; return whether it is gone.

        Who holds it renews it while it is looked at, for twice as long as its holder has promised.

        Raises:
            ClusterError: the API server gives no answer, or refuses it.
        """
        begun = time.monotonic()
        while True:
            found = await self._api.find(LEASES, self._namespace, self._name)
            if found is None:
                return True
            if self._may_be_taken(found) and await self._is_deleted(found):
                return True
            if time.monotonic() >= begun + 2 * self._promised_seconds(found):
                return False
            await asyncio.sleep(self._times.retry_seconds)

    async def _is_deleted(self, found: Json) -> bool:
        """Delete it as it was found, and tell whether it had stayed so."""
        version = Deletion(resource_version=found["metadata"]["resourceVersion"])
        try:
            await self._api.delete(LEASES, self._namespace, self._name, version)
        except ConflictError:
            return False
        except NotFoundError:
            return True
        return True

    @property
    def _place(self) -> str:
        return f"Lease {self._namespace}/{self._name}"

    async def _acquire(self) -> bool:
        begun = time.monotonic()
        try:
            found = await self._api.find(LEASES, self._namespace, self._name)
            if found is None:
                mine = await self._api.create(LEASES, self._namespace, self._taken({}))
            elif self._may_be_taken(found):
                mine = await self._api.update(LEASES, self._namespace, self._taken(found))
            else:
                return False
        except (AlreadyExistsError, ConflictError, NotFoundError):
            return False  # another was faster
        except UnavailableError as error:
            _log.warning("%s cannot be taken: %s", self._place, error)
            return False
        self._hold(mine, begun)
        return True

    async def _renew(self) -> None:
        assert self._mine is not None, "only a held Lease is kept"
        begun = time.monotonic()
        renewed = {**self._mine, "spec": {**self._mine["spec"], "renewTime": _now()}}
        try:
            mine = await self._api.update(LEASES, self._namespace, renewed)
        except (ConflictError, NotFoundError):
            self._mine = await self._still_mine()
        else:
            self._hold(mine, begun)

    async def _still_mine(self) -> Json:
        """Return the Lease after somebody has changed it, or after an answer that was lost."""
        found = await self._api.find(LEASES, self._namespace, self._name)
        if found is None:
            raise LeaseLostError(f"{self._place} was deleted")
        holder = _holder(found)
        if holder != self._identity:
            raise LeaseLostError(f"{self._place} was taken by {holder or 'nobody'}")
        return found

    async def _release(self) -> None:
        mine, self._mine = self._mine, None
        if mine is None:
            return
        try:
            try:
                await self._give_back(mine)
            except ConflictError:  # the answer to a last renewal was not waited for
                await self._give_back(await self._still_mine())
        except ClusterError as error:
            _log.warning("%s is not given back: %s", self._place, error)

    async def _give_back(self, mine: Json) -> None:
        spec = {key: value for key, value in mine["spec"].items() if key != "holderIdentity"}
        await self._api.update(LEASES, self._namespace, {**mine, "spec": spec})

    def _hold(self, mine: Json, begun: float) -> None:
        self._mine = mine
        self._held_until = begun + self._times.renew_seconds

    def _may_be_taken(self, found: Json) -> bool:
        """Tell whether it is free, or was not renewed for as long as its holder has promised."""
        version = found["metadata"]["resourceVersion"]
        if version != self._seen_version:
            self._seen_version, self._seen_at = version, time.monotonic()
        is_late = time.monotonic() >= self._seen_at + self._promised_seconds(found)
        return is_late or _holder(found) in ("", self._identity)

    def _promised_seconds(self, found: Json) -> float:
        return found["spec"].get("leaseDurationSeconds") or self._times.duration_seconds

    def _taken(self, found: Json) -> Json:
        now = _now()
        before = found.get("spec", {})
        metadata = found.get("metadata", {"name": self._name})
        ours = labels_and_annotations(self._watched)
        merged = {key: {**metadata.get(key, {}), **value} for key, value in ours.items()}
        return {
            "apiVersion": LEASES.api_version,
            "kind": LEASES.kind,
            "metadata": {**metadata, **merged},
            "spec": {
                **before,
                "holderIdentity": self._identity,
                "leaseDurationSeconds": self._times.duration_seconds,
                "acquireTime": now,
                "renewTime": now,
                "leaseTransitions": before.get("leaseTransitions", -1) + 1,
            },
        }


def _holder(lease: Json) -> str:
    return lease["spec"].get("holderIdentity") or ""


def _now() -> str:
    """Return the time as a Lease has it: with microseconds, always."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
