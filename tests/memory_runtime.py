"""The runtime port in memory: attempts end when asked for a change, as their parameters say.

It is held to the same contract suite as the real adapters. `dies_before` lets it die before a given
call; what was done before stays in its records, as files would.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from builders import EPOCH, a_report, an_ending

from deploytune.api.trial import TuningTrial
from deploytune.api.tuning import DeploymentTuning, TuningStatus
from deploytune.contract.outcomes import OutcomeKind
from deploytune.contract.request import TrialRequest
from deploytune.state.world import Attempt, EndedBy, Ending, World

EndingOf = Callable[[TrialRequest], Ending]


class RunDiedError(Exception):
    """The run was killed here."""


def measured(request: TrialRequest) -> Ending:
    """Return the ending of a trial that measures what its parameters say."""
    size, level = (int(request.parameters[name]) for name in ("size", "level"))
    memory = 50.0 * size + 3.0 * level
    met = all(limit.is_met_by(memory) for limit in request.limits)
    return an_ending(
        a_report(
            OutcomeKind.FEASIBLE if met else OutcomeKind.INFEASIBLE,
            index=request.index,
            attempt=request.attempt,
            throughput=100.0 * size + level,
            memory=memory,
        )
    )


@dataclass
class Records:
    """What outlives a run."""

    trials: dict[str, TuningTrial] = field(default_factory=dict)
    attempts: dict[tuple[int, int], Attempt] = field(default_factory=dict)
    requests: dict[tuple[int, int], TrialRequest] = field(default_factory=dict)
    status: TuningStatus | None = None
    now: datetime = EPOCH
    most_at_once: int = 0


class MemoryRuntime:
    """Keeps records in memory; every running attempt ends at the next wait."""

    def __init__(
        self,
        tuning: DeploymentTuning,
        records: Records | None = None,
        *,
        ending_of: EndingOf = measured,
        dies_before: int | None = None,
    ) -> None:
        self.records = records or Records()
        self.calls = 0
        self._tuning = tuning
        self._ending_of = ending_of
        self._dies_before = dies_before
        self._resumed_at = self.records.now
        for key in self._running():
            self._end(key, an_ending(exit_code=None, ended_by=EndedBy.LOST_OWNER))

    async def gather(self) -> World:
        self._count()
        return World(
            tuning=self._tuning.model_copy(update={"status": self.records.status}),
            trials=tuple(self.records.trials.values()),
            attempts=tuple(self.records.attempts.values()),
            now=self.records.now,
            parallel_trials=self._tuning.spec.parallel_trials,
            resumed_at=self._resumed_at,
        )

    async def create_trial(self, trial: TuningTrial) -> None:
        self._count()
        self.records.trials.setdefault(trial.metadata.name, trial)

    async def write_trial_status(self, trial: TuningTrial) -> None:
        self._count()
        self.records.trials[trial.metadata.name] = trial

    async def start_attempt(self, request: TrialRequest) -> None:
        self._count()
        key = (request.index, request.attempt)
        if key in self.records.attempts:
            return
        self.records.attempts[key] = Attempt(request.index, request.attempt, self.records.now)
        self.records.requests[key] = request
        self.records.most_at_once = max(self.records.most_at_once, len(self._running()))

    async def end_attempt(self, trial_index: int, attempt: int) -> None:
        self._count()
        if (trial_index, attempt) in self._running():
            ending = an_ending(exit_code=-15, ended_by=EndedBy.REQUEST)
            self._end((trial_index, attempt), ending)

    async def write_tuning_status(self, status: TuningStatus) -> None:
        self._count()
        self.records.status = status

    async def wait_for_change(self, timeout_seconds: float) -> None:
        self._count()
        running = self._running()
        if not running:
            self.records.now += timedelta(seconds=timeout_seconds)
        for key in running:
            self._end(key, self._ending_of(self.records.requests[key]))

    def _count(self) -> None:
        if self.calls == self._dies_before:
            raise RunDiedError
        self.calls += 1

    def _running(self) -> list[tuple[int, int]]:
        return [key for key, attempt in self.records.attempts.items() if attempt.ending is None]

    def _end(self, key: tuple[int, int], ending: Ending) -> None:
        self.records.now += timedelta(seconds=ending.seconds)
        self.records.attempts[key] = replace(self.records.attempts[key], ending=ending)
