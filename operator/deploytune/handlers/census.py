"""How the tunings stood when they were last looked at; gauges are computed from it at a scrape."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from deploytune.api.conditions import ConditionStatus, ConditionType
from deploytune.api.trial import TuningTrial
from deploytune.api.tuning_status import TuningStatus
from deploytune.handlers.keys import TuningKey
from deploytune.observability.metrics import TuningCount

FINISHED, RUNNING = "Finished", "Running"

_STATES = (ConditionType.FINISHED, ConditionType.SUSPENDED, ConditionType.DEGRADED)
"""The first that holds is the state."""


@dataclass
class KnownTunings:
    """The tunings of this process by key, and what else a scrape asks for."""

    queue_depth: Callable[[], int] = lambda: 0
    is_leading: Callable[[], bool] = lambda: False
    _known: dict[TuningKey, TuningCount] = field(default_factory=dict)

    def tunings(self) -> Iterable[TuningCount]:
        """Return how they stand."""
        return tuple(self._known.values())

    def keys(self) -> Iterable[TuningKey]:
        """Return whose they are."""
        return tuple(self._known)

    def note(self, key: TuningKey, status: TuningStatus, trials: Iterable[TuningTrial]) -> None:
        """Note how a tuning stands after a pass."""
        pools = Counter(trial.spec.pool for trial in trials if not trial.is_finished)
        self._known[key] = TuningCount(key.namespace, _state_of(status), pools)

    def note_status(self, key: TuningKey, status: TuningStatus) -> None:
        """Note how a tuning stands after a pass that has thrown; its trials are as they were."""
        known = self._known.get(key)
        pools = {} if known is None else known.active_by_pool
        self._known[key] = TuningCount(key.namespace, _state_of(status), pools)

    def note_end(self, key: TuningKey) -> None:
        """Note that a tuning has ended."""
        self._known[key] = TuningCount(key.namespace, FINISHED, {})

    def drop(self, key: TuningKey) -> None:
        """Forget a tuning that is gone."""
        self._known.pop(key, None)


def _state_of(status: TuningStatus) -> str:
    true = {one.type for one in status.conditions if one.status is ConditionStatus.TRUE}
    return next((state.value for state in _STATES if state in true), RUNNING)
