"""The events that kopf sees, as keys for the queue; nothing is decided here.

No daemons, timers, change handlers or finalizers of kopf: an event only says that somebody should
look. Events of type None come from a list: whatever was deleted before it is told by nobody.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import kopf

from deploytune.api.tuning import GROUP
from deploytune.handlers.keys import TuningKey
from deploytune.handlers.news import (
    Event,
    concerns_pod,
    concerns_trial,
    concerns_tuning,
    key_of,
    owner_key_of,
)
from deploytune.state.pods.labels import TRIAL_PODS, TUNING

VERSION = "v1alpha1"


@dataclass(frozen=True)
class Listener:
    """Who is told: of a tuning to look at, and of one whose trials may not be those remembered."""

    look_at: Callable[[TuningKey], object]
    forget: Callable[[TuningKey], object]


def handlers_for(listener: Listener) -> kopf.OperatorRegistry:
    """Return kopf's registry with the three handlers."""
    registry = kopf.OperatorRegistry()

    @kopf.on.event(GROUP, VERSION, "deploymenttunings", registry=registry)
    async def tuning_seen(event: Event, **_: Any) -> None:
        if event["type"] is None:
            listener.forget(key_of(event))
        if concerns_tuning(event):
            listener.look_at(key_of(event))

    @kopf.on.event(GROUP, VERSION, "tuningtrials", labels={TUNING: kopf.PRESENT}, registry=registry)
    async def trial_seen(event: Event, **_: Any) -> None:
        if concerns_trial(event):
            listener.forget(owner_key_of(event))
            listener.look_at(owner_key_of(event))

    @kopf.on.event("v1", "pods", labels={**TRIAL_PODS, TUNING: kopf.PRESENT}, registry=registry)
    async def pod_seen(event: Event, **_: Any) -> None:
        if concerns_pod(event):
            listener.look_at(owner_key_of(event))

    return registry
