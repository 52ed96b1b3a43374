"""Puts every tuning that has not ended into the queue, now and then.

The watches miss what is deleted while they list anew, and a Pod may be stuck without an event. What
is remembered of a tuning, or counted as one, that is listed no more is looked at too: it is gone.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from deploytune.contract.errors import ClusterError
from deploytune.handlers.endings import is_finished
from deploytune.handlers.keys import TuningKey
from deploytune.runtime.kube.api_server import ApiServer, Json
from deploytune.runtime.kube.resources import TUNINGS

_PAGE = 50

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Remembered:
    """Whose tunings' memory there is, and which are counted, ended ones as well."""

    known: Callable[[], Iterable[TuningKey]]
    counted: Callable[[], Iterable[TuningKey]]


async def beat_for_ever(
    api: ApiServer,
    namespaces: Sequence[str | None],
    seconds: float,
    look_at: Callable[[TuningKey], None],
    remembered: Remembered,
) -> None:
    """Have all unfinished tunings looked at, and those known or gone, every so many seconds."""
    while True:
        await asyncio.sleep(seconds)
        try:
            due = await _due(api, namespaces, remembered)
        except ClusterError as error:
            _log.warning("no heartbeat: %s", error)
            continue
        for key in due:
            look_at(key)


async def _due(
    api: ApiServer, namespaces: Sequence[str | None], remembered: Remembered
) -> set[TuningKey]:
    counted = set(remembered.counted())  # before the list: one counted meanwhile may be new
    lists = [await api.list_all(TUNINGS, each, page=_PAGE) for each in namespaces]
    found = {_key(each): is_finished(each) for tunings in lists for each in tunings}
    unfinished = {key for key, has_ended in found.items() if not has_ended}
    return unfinished.union(remembered.known(), counted - found.keys())


def _key(tuning: Json) -> TuningKey:
    metadata = tuning["metadata"]
    return TuningKey(metadata["namespace"], metadata["name"])
