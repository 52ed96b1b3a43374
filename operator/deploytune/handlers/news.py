"""Which watch events are news: our own writes come back as events, and need no further pass."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from deploytune.handlers.keys import TuningKey
from deploytune.state.pods.labels import TUNING

Event = Mapping[str, Any]
"""A watch event: `type` (None for what a list showed) and `object`."""

_ADDED, _MODIFIED, _DELETED = "ADDED", "MODIFIED", "DELETED"


def key_of(event: Event) -> TuningKey:
    """Return the key of the tuning that was seen."""
    metadata = event["object"]["metadata"]
    return TuningKey(metadata["namespace"], metadata["name"])


def owner_key_of(event: Event) -> TuningKey:
    """Return the key of the tuning whose trial or Pod was seen."""
    metadata = event["object"]["metadata"]
    return TuningKey(metadata["namespace"], metadata["labels"][TUNING])


def concerns_tuning(event: Event) -> bool:
    """Tell whether a tuning is new, going, or was changed since its status was written."""
    if event["type"] != _MODIFIED or _is_going(event):
        return True
    tuning = event["object"]
    observed = tuning.get("status", {}).get("observedGeneration")
    return bool(observed != tuning["metadata"].get("generation"))


def concerns_trial(event: Event) -> bool:
    """Tell whether a trial is going: all else of it is our own writing."""
    return event["type"] == _DELETED or _is_going(event)


def concerns_pod(event: Event) -> bool:
    """Tell whether a Pod may have come further: one that appears is as we have made it."""
    return event["type"] != _ADDED or _is_going(event)


def _is_going(event: Event) -> bool:
    return "deletionTimestamp" in event["object"]["metadata"]
