"""Where a running tuning stands, in figures, from its trials, its attempts and its status."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from deploytune.api.conditions import ConditionType, Reason
from deploytune.api.trial import Purpose, TuningTrial, trial_name
from deploytune.api.tuning import Answer, DeploymentTuning, TuningStatus
from deploytune.contract.models import Scalar
from deploytune.contract.outcomes import OutcomeKind
from deploytune.state.plan import CONFIRMING
from deploytune.state.suspension import suspended_seconds

Doing = Mapping[int, tuple[str | None, datetime]]
"""What the running attempts do and since when they run, by trial index: a stage of the trial, or
what is seen of a Pod; None where nothing is known yet."""


@dataclass(frozen=True)
class RunningTrial:
    """A trial in flight: which, what for, with what, what it does, since when it runs."""

    name: str
    purpose: Purpose
    parameters: Mapping[str, Scalar]
    doing: str | None
    seconds: float


@dataclass(frozen=True)
class Progress:
    """Everything a display shows of a running tuning."""

    finished: int
    expected: int
    running: tuple[RunningTrial, ...]
    outcomes: Mapping[str, int]
    best: Answer | None
    wasted_share: float
    seconds_left: float | None


def progress_of(
    tuning: DeploymentTuning,
    trials: Sequence[TuningTrial],
    doing: Doing,
    status: TuningStatus,
    now: datetime,
    parallel_trials: int,
) -> Progress:
    """Return the progress; `doing` has the running attempts."""
    ended = [trial for trial in trials if trial.is_finished]
    running = tuple(
        RunningTrial(
            name=trial.metadata.name,
            purpose=trial.spec.purpose,
            parameters=trial.spec.parameters,
            doing=doing[trial.spec.index][0],
            seconds=(now - doing[trial.spec.index][1]).total_seconds(),
        )
        for trial in trials
        if trial.spec.index in doing and not trial.is_finished
    )
    expected = _expected(tuning, trials, status)
    return Progress(
        finished=len(ended),
        expected=expected,
        running=running,
        outcomes=status.outcomes,
        best=status.best,
        wasted_share=_wasted_share(status),
        seconds_left=_seconds_left(tuning, ended, expected, parallel_trials, status, now),
    )


def _expected(tuning: DeploymentTuning, trials: Sequence[TuningTrial], status: TuningStatus) -> int:
    """Return how many trials there will be in the end, if the search is not cut short."""
    budget = tuning.spec.budget
    if not _is_search_over(tuning, status):
        return max(budget.max_trials + budget.confirmations, len(trials))
    if status.best is None or status.completion_time is not None:
        return len(trials)
    begun = sum(
        1
        for trial in trials
        if trial.spec.confirms is not None
        and not trial.is_finished
        and trial_name(trial.spec.tuning, trial.spec.confirms) == status.best.trial
    )
    return len(trials) + max(0, budget.confirmations - status.best.confirmations - begun)


def _is_search_over(tuning: DeploymentTuning, status: TuningStatus) -> bool:
    """Tell whether nothing more is tried: of a run on this machine only its status says so."""
    has_ended = status.completion_time is not None or status.search_stage == CONFIRMING
    return (
        has_ended
        or tuning.spec.stop
        or any(
            condition.type == ConditionType.PROGRESSING and condition.reason == Reason.STOPPING
            for condition in status.conditions
        )
    )


def _wasted_share(status: TuningStatus) -> float:
    wasted = sum(part.seconds for part in status.wasted)
    return wasted / status.trial_seconds if status.trial_seconds > 0 else 0.0


def _seconds_left(
    tuning: DeploymentTuning,
    ended: Sequence[TuningTrial],
    expected: int,
    parallel_trials: int,
    status: TuningStatus,
    now: datetime,
) -> float | None:
    charged = [t for t in ended if t.status.outcome and t.status.outcome.policy.charged]
    if not charged:
        return None
    mean_seconds = sum(trial.status.trial_seconds for trial in charged) / len(charged)
    left = mean_seconds * (expected - len(ended)) / parallel_trials
    limit = tuning.spec.budget.max_duration_seconds
    if limit is None or status.start_time is None or _is_search_over(tuning, status):
        return left  # what confirms is reserved on top of every budget
    elapsed = (now - datetime.fromisoformat(status.start_time)).total_seconds()
    spent = elapsed - suspended_seconds(status, now)
    return min(left, max(0.0, limit - spent))


def is_feasible(trial: TuningTrial) -> bool:
    """Whether a trial met every limit."""
    return trial.status.outcome is OutcomeKind.FEASIBLE
