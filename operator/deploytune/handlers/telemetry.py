"""What the operator counts and what it knows of its tunings, for the metrics endpoint."""

from __future__ import annotations

from deploytune.contract.errors import InvalidTuningError
from deploytune.handlers.census import KnownTunings
from deploytune.observability.metrics import OperatorMetrics
from deploytune.runtime.kube.errors import (
    ConflictError,
    NotFoundError,
    NotLeadingError,
    RefusedError,
    UnavailableError,
)

_KINDS: tuple[tuple[type[Exception], str], ...] = (
    (ConflictError, "conflict"),
    (UnavailableError, "unavailable"),
    (NotLeadingError, "not_leading"),
    (RefusedError, "refused"),
    (NotFoundError, "refused"),
    (InvalidTuningError, "invalid"),
)
_OURS = "internal"


class Telemetry:
    """The metrics of one operator, and the census that its gauges are computed from."""

    def __init__(self) -> None:
        """Count from 0, of no tuning."""
        self.metrics = OperatorMetrics()
        self.census = KnownTunings()
        self.metrics.watch(self.census)


def kind_of_failure(error: Exception) -> str:
    """Return the kind under which a failed pass is counted."""
    return next((kind for cause, kind in _KINDS if isinstance(error, cause)), _OURS)
