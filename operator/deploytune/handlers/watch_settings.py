"""kopf's settings, each for a reason that was met."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import kopf

from deploytune.api.tuning import GROUP
from deploytune.state.pods.labels import TRIAL_PODS, selector

_PREFIX = f"{GROUP}/kopf"
_LONGEST_BACK_OFF_SECONDS = 15.0
_SERVER_TIMEOUT_SECONDS = 300
_PAGE = 500


class EndlessBackOff:
    """1, 2, 4 ... seconds and then the longest for ever: kopf gives up when a list of them ends."""

    def __iter__(self) -> Iterator[float]:
        """Begin anew, as each request does."""
        doubling = itertools.accumulate(itertools.repeat(2.0), float.__mul__, initial=1.0)
        return (min(seconds, _LONGEST_BACK_OFF_SECONDS) for seconds in doubling)


def watch_settings() -> kopf.OperatorSettings:
    """Return settings for watching alone: no peering, no annotations, no events of kopf's own."""
    settings = kopf.OperatorSettings()
    settings.peering.standalone = True
    settings.posting.enabled = False
    settings.posting.loggers = False
    settings.scanning.disabled = True  # else it lists and watches all namespaces and CRDs
    settings.process.ultimate_exiting_timeout = None  # else it kills the process in the end
    settings.execution.executor = ThreadPoolExecutor(max_workers=1)  # no handler of ours needs it
    settings.persistence.finalizer = f"{_PREFIX}-finalizer"
    settings.persistence.progress_storage = kopf.AnnotationsProgressStorage(prefix=_PREFIX)
    settings.persistence.diffbase_storage = kopf.AnnotationsDiffBaseStorage(prefix=_PREFIX)
    _set_network(settings)
    return settings


def _set_network(settings: kopf.OperatorSettings) -> None:
    settings.networking.error_backoffs = EndlessBackOff()
    settings.networking.request_timeout = 60.0
    settings.networking.connect_timeout = 10.0
    settings.networking.enforce_retry_after = True
    settings.queueing.error_delays = EndlessBackOff()
    settings.watching.label_selectors["v1", "pods"] = selector(TRIAL_PODS)
    settings.watching.server_timeout = _SERVER_TIMEOUT_SECONDS
    settings.watching.client_timeout = _SERVER_TIMEOUT_SECONDS + 30.0
    settings.watching.connect_timeout = 10.0
    settings.watching.inactivity_timeout = 70.0  # bookmarks come every 60 s
    settings.watching.chunk_size = _PAGE
