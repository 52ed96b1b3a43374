"""Writes a status that no pass has written, and posts the Events of any that was."""

from __future__ import annotations

import logging
from datetime import datetime

from deploytune.api.tuning import Metadata, TuningStatus
from deploytune.contract.errors import ClusterError
from deploytune.observability.event_objects import event_object
from deploytune.observability.events import events_between
from deploytune.observability.logs import about
from deploytune.runtime.kube.api_server import ApiServer
from deploytune.runtime.kube.objects import build_status
from deploytune.runtime.kube.resources import EVENTS, TUNINGS

_log = logging.getLogger(__name__)


async def write_and_tell(
    api: ApiServer,
    metadata: Metadata,
    before: TuningStatus | None,
    after: TuningStatus,
    now: datetime,
) -> None:
    """Write a tuning's status if it changed, then post what happened.

    Raises:
        ConflictError: the tuning has changed since it was read.
    """
    if after == before:
        return
    body = build_status(metadata, after)
    await api.apply(TUNINGS, metadata.namespace, body, "status")
    await tell(api, metadata, before, after, now)


async def tell(
    api: ApiServer,
    metadata: Metadata,
    before: TuningStatus | None,
    after: TuningStatus,
    now: datetime,
) -> None:
    """Post what happened between two statuses; an Event that is refused is no reason to fail."""
    for event in events_between(before, after):
        try:
            await api.create(EVENTS, metadata.namespace, event_object(metadata, event, now))
        except ClusterError as error:
            place = about(metadata.namespace or "", metadata.name)
            _log.warning("Event %s is lost: %s", event.reason, error, extra=place)
