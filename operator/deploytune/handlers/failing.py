"""Says in a tuning's status what keeps it from being worked on.

A spec that breaks a rule ends its tuning. A pass that has thrown leaves the condition Degraded, at
once where it is our fault; where the API server refuses something, only when it does so again and
again, since most of that passes.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable
from datetime import datetime

from deploytune.api.field_errors import read_as
from deploytune.api.tuning import Metadata, TuningStatus
from deploytune.contract.errors import ClusterError, InvalidTuningError
from deploytune.handlers.endings import is_finished
from deploytune.handlers.keys import TuningKey
from deploytune.handlers.telling import write_and_tell
from deploytune.observability.logs import about
from deploytune.runtime.kube.api_server import ApiServer, Json
from deploytune.runtime.kube.errors import (
    ExpiredError,
    NotFoundError,
)
from deploytune.runtime.kube.objects import read_status
from deploytune.runtime.kube.resources import TUNINGS
from deploytune.state.failures import reconcile_failed, refused_spec

_TOLD_FROM = 3
"""Failures in a row from which on a refusal by the API server is told."""

_NOBODYS_FAULT = (NotFoundError, ExpiredError)

_log = logging.getLogger(__name__)


class Failures:
    """Writes them down; counts those in a row of each tuning."""

    def __init__(self, api: ApiServer, clock: Callable[[], datetime]) -> None:
        self._api = api
        self._clock = clock
        self._in_a_row: Counter[TuningKey] = Counter()

    def over(self, key: TuningKey) -> None:
        """Note that a tuning was worked on without a failure."""
        self._in_a_row.pop(key, None)

    async def refuse(self, found: Json, error: InvalidTuningError) -> TuningStatus:
        """End a tuning whose spec breaks a rule, and return the status that says so.

        Raises:
            ConflictError: the tuning has changed since it was read.
        """
        metadata, before, now = _metadata(found), read_status(found), self._clock()
        after = refused_spec(before, error, metadata.generation, now)
        await write_and_tell(self._api, metadata, before, after, now)
        return after

    async def tell(self, key: TuningKey, error: Exception) -> TuningStatus | None:
        """Say in the status that a pass has failed, if it is worth saying; best effort.

        The status is returned, None where it was not said.
        """
        self._in_a_row[key] += 1
        if isinstance(error, _NOBODYS_FAULT):
            return None
        if isinstance(error, ClusterError) and self._in_a_row[key] < _TOLD_FROM:
            return None
        try:
            return await self._tell(key, error)
        except (ClusterError, InvalidTuningError) as untold:  # what cannot be read is not replaced
            _log.warning("the failure is not in the status: %s", untold, extra=about(*key))
            return None

    async def _tell(self, key: TuningKey, error: Exception) -> TuningStatus | None:
        found = await self._api.find(TUNINGS, key.namespace, key.name)
        if found is None or is_finished(found):
            return None
        metadata, before, now = _metadata(found), read_status(found), self._clock()
        after = reconcile_failed(before, error, metadata.generation, now)
        await write_and_tell(self._api, metadata, before, after, now)
        return after


def _metadata(found: Json) -> Metadata:
    return read_as(Metadata, found["metadata"], "metadata")
