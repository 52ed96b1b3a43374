"""Puts every tuning that has not ended into the queue, now and then.

The watches miss what is deleted while they list anew, and a Pod may be stuck without an event. What
is remembered of a tuning that is listed no more is looked at too: it is gone.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence

from deploytune.contract.errors import ClusterError
from deploytune.handlers.endings import is_finished
from deploytune.handlers.keys import TuningKey
from deploytune.runtime.kube.api_server import ApiServer
from deploytune.runtime.kube.resources import TUNINGS

_PAGE = 50

_log = logging.getLogger(__name__)


async def beat_for_ever(
    api: ApiServer,
    namespaces: Sequence[str | None],
    seconds: float,
    look_at: Callable[[TuningKey], None],
    known: Callable[[], Iterable[TuningKey]],
) -> None:
    """Have all unfinished tunings looked at, and those known, every so many seconds."""
    while True:
        await asyncio.sleep(seconds)
        try:
            unfinished = await _unfinished(api, namespaces)
        except ClusterError as error:
            _log.warning("no heartbeat: %s", error)
            continue
        for key in unfinished.union(known()):
            look_at(key)


async def _unfinished(api: ApiServer, namespaces: Sequence[str | None]) -> set[TuningKey]:
    lists = [await api.list_all(TUNINGS, each, page=_PAGE) for each in namespaces]
    found = [each for tunings in lists for each in tunings if not is_finished(each)]
    return {TuningKey(each["metadata"]["namespace"], each["metadata"]["name"]) for each in found}
