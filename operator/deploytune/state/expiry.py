"""When a finished tuning is deleted: `ttlSecondsAfterFinished` after its end."""

from __future__ import annotations

from datetime import datetime, timedelta

from deploytune.api.tuning import DeploymentTuning
from deploytune.state.timestamps import from_timestamp


def expires_at(tuning: DeploymentTuning) -> datetime | None:
    """Return when the tuning is to be deleted, None if it is to stay or has not ended."""
    ttl = tuning.spec.ttl_seconds_after_finished
    ended = None if tuning.status is None else tuning.status.completion_time
    if ttl is None or ended is None:
        return None
    return from_timestamp(ended) + timedelta(seconds=ttl)
