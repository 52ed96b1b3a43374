"""The course of a tuning in the logs: what each pass did, a line each."""

from __future__ import annotations

import logging

from deploytune.api.trial import trial_name
from deploytune.handlers.keys import TuningKey
from deploytune.observability.logs import about
from deploytune.state.decide import Decision

_log = logging.getLogger(__name__)


def narrate(key: TuningKey, decision: Decision) -> None:
    """Say what a pass has done."""
    for trial in decision.trial_writes:
        if trial.is_finished:
            status, place = trial.status, about(*key, trial=trial.metadata.name)
            _log.info("trial ended: %s %s", status.outcome, status.message, extra=place)
    for end in decision.ends:
        name = trial_name(key.name, end.trial_index)
        _log.info("attempt to end", extra=about(*key, trial=name, attempt=end.attempt))
    for request in decision.starts:
        place = about(*key, trial=request.trial, attempt=request.attempt)
        _log.info("attempt started", extra=place)
    if decision.is_finished:
        _log.info("the tuning has ended", extra=about(*key))
