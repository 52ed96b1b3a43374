"""A Kubernetes Event of a tuning, as `kubectl describe` and `kubectl events` show it."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Any

from deploytune.api.tuning import API_VERSION, Metadata
from deploytune.observability.events import Event
from deploytune.state.pods.labels import MANAGER
from deploytune.state.timestamps import to_timestamp

_MESSAGE_LIMIT = 1024
_DIGITS = 16


def event_object(metadata: Metadata, event: Event, now: datetime) -> dict[str, Any]:
    """Return the Event; its name derives from what happened and when, so it is posted once."""
    moment = to_timestamp(now)
    happened = f"{metadata.uid} {event.reason} {event.message} {moment}"
    digest = hashlib.sha256(happened.encode()).hexdigest()[:_DIGITS]
    return {
        "metadata": {"name": f"{metadata.name}.{digest}", "namespace": metadata.namespace},
        "involvedObject": {
            "apiVersion": API_VERSION,
            "kind": "DeploymentTuning",
            "namespace": metadata.namespace,
            "name": metadata.name,
            "uid": metadata.uid,
        },
        "type": "Warning" if event.is_warning else "Normal",
        "reason": event.reason,
        "message": event.message[:_MESSAGE_LIMIT],
        "source": {"component": MANAGER},
        "firstTimestamp": moment,
        "lastTimestamp": moment,
        "count": 1,
    }
