"""A tuning as somebody sees it who only looks: its records, and what its running attempts do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from deploytune.api.conditions import ConditionStatus, ConditionType
from deploytune.api.recorded import RecordedTuning


@dataclass(frozen=True)
class Sight:
    """One look; `doing` is by trial index what an attempt does, and since when it runs.

    `trouble` is why nothing new is seen at the moment, None while something is.
    """

    recorded: RecordedTuning
    doing: Mapping[int, tuple[str | None, datetime]] = field(default_factory=dict)
    trouble: str | None = None

    @property
    def is_answered(self) -> bool:
        """Whether the tuning has ended by itself, not because it is being deleted."""
        return self.is_finished and self.recorded.tuning.metadata.deletion_timestamp is None

    @property
    def is_finished(self) -> bool:
        """Whether the tuning has ended."""
        status = self.recorded.tuning.status
        return status is not None and any(
            one.type == ConditionType.FINISHED and one.status is ConditionStatus.TRUE
            for one in status.conditions
        )
