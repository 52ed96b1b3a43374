"""What one process remembers of a tuning between its passes, by the tuning's UID.

Losing it loses nothing: finished trials, which never change, are then listed again, and what a
quota refuses is refused again.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from deploytune.api.trial import TuningTrial
from deploytune.runtime.kube.nodes import NodeLabels
from deploytune.state.preflight.findings import Finding
from deploytune.state.world import Refusal


@dataclass(frozen=True)
class Forecast:
    """What a look at a generation of a tuning found, and when that was."""

    generation: int | None
    looked_at: datetime
    findings: tuple[Finding, ...]


class TuningMemory:
    """Finished trials, the pools whose Pods were refused last, and the labels of `nodes`.

    `forecast` is what was found before the first Pod, None before that look.
    """

    def __init__(self) -> None:
        """Remember nothing yet."""
        self._finished: dict[str, TuningTrial] | None = None
        self._refusals: dict[str, Refusal] = {}
        self.nodes = NodeLabels()
        self.forecast: Forecast | None = None

    @property
    def finished(self) -> tuple[TuningTrial, ...] | None:
        """All finished trials, None if they must be listed."""
        return None if self._finished is None else tuple(self._finished.values())

    @property
    def refusals(self) -> tuple[Refusal, ...]:
        """The last refusal of each pool of which no Pod was created since."""
        return tuple(self._refusals.values())

    def learn(self, trials: Iterable[TuningTrial]) -> None:
        """Remember the finished ones among all trials."""
        self._finished = {trial.metadata.name: trial for trial in trials if trial.is_finished}

    def add(self, trial: TuningTrial) -> None:
        """Remember a trial that has just finished."""
        if self._finished is not None and trial.is_finished:
            self._finished[trial.metadata.name] = trial

    def forget(self) -> None:
        """List everything next time: a pass failed, or a trial was deleted."""
        self._finished = None

    def refuse(self, pool: str, message: str, now: datetime) -> None:
        """Count a refusal to create a Pod of a pool."""
        before = self._refusals.get(pool)
        times = 1 if before is None else before.times + 1
        self._refusals[pool] = Refusal(pool, message, now, times)

    def admit(self, pool: str) -> None:
        """Drop a pool's refusals: a Pod of it was created."""
        self._refusals.pop(pool, None)
