"""A tuning as a study of Optuna: its trials in the states and attributes that Optuna knows.

    outcome                                            state      constraints
    Feasible, Infeasible, the objective was measured   COMPLETE   by how much each limit is missed
    Crashed, TimedOut, Invalid, Infeasible without it  PRUNED     the same; unmeasured is missed
    Infrastructure, Misconfigured                      FAIL       none
    not ended; a confirmation                          left out

Optuna's samplers ignore what failed and learn from what was pruned, so a crash, which tells of its
configuration, is PRUNED, and a failure that is not the configuration's is FAIL. The constraints are
the search's own violations, with one more after those of the limits: whether it came to figures
that can be believed. They stand as the list that Optuna before 5 wrote: Optuna 5 reads it as well
as its own, and optuna-dashboard reads nothing else. A confirmation measures a configuration again
and would count it twice: its figures are an attribute of the trial that it confirms.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

from deploytune.api.recorded import RecordedTuning
from deploytune.api.translate import problem_of
from deploytune.api.trial import Purpose, TuningTrial
from deploytune.api.tuning import DeploymentTuning, TuningStatus
from deploytune.contract.limits import Limit
from deploytune.contract.metrics import Direction
from deploytune.report.answer import name_of_best
from deploytune.search.problem import Problem
from deploytune.search.strategies.optuna_bridge import distributions_of
from deploytune.search.violations import violation_of
from deploytune.state.history import to_finished_trial

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial

OTHER_CONSTRAINT = "outcome"
"""The name of the last constraint, which no metric shows."""

_CONSTRAINTS = "constraints"
_UNMEASURED = 1.0
_UNKNOWN_TIME = datetime(1970, 1, 1)  # noqa: DTZ001 - Optuna's times have no zone

Attributes = dict[str, Any]


@dataclass(frozen=True)
class StudyRecord:
    """A study that is not in any storage yet; `unfinished` is how many trials it leaves out."""

    directions: tuple[Literal["minimize", "maximize"], ...]
    metric_names: tuple[str, ...]
    attributes: Mapping[str, Any]
    trials: tuple[FrozenTrial, ...]
    unfinished: int


def study_of(recorded: RecordedTuning) -> StudyRecord:
    """Return the tuning as a study, its trials by index.

    Raises:
        InvalidTuningError: the tuning's search space breaks a rule.
    """
    tuning = recorded.tuning
    problem = problem_of(tuning.spec)
    searched = [trial for trial in recorded.trials if trial.spec.purpose is not Purpose.CONFIRM]
    ended = [trial for trial in searched if trial.is_finished]
    distributions = distributions_of(problem.space)
    objectives = tuning.spec.objectives
    return StudyRecord(
        directions=tuple(_direction(each.direction) for each in objectives),
        metric_names=tuple(each.key for each in objectives),
        attributes=_attributes_of_study(tuning, problem),
        trials=tuple(
            _frozen(problem, trial, _confirmations(recorded.trials, trial), distributions)
            for trial in ended
        ),
        unfinished=len(searched) - len(ended),
    )


def _direction(direction: Direction) -> Literal["minimize", "maximize"]:
    return "maximize" if direction is Direction.MAXIMIZE else "minimize"


def _attributes_of_study(tuning: DeploymentTuning, problem: Problem) -> Attributes:
    names = _constraint_names([constraint.limit for constraint in problem.constraints])
    spec = tuning.spec.model_dump(mode="json", by_alias=True, exclude_none=True)
    status = tuning.status or TuningStatus()
    return {
        "tuning": tuning.metadata.name,
        "constraints": [*names, OTHER_CONSTRAINT],
        "limits": spec.get("constraints", []),
        name_of_best(status): None if status.best is None else status.best.trial,
    }


def _constraint_names(limits: Sequence[Limit]) -> list[str]:
    """Return the metrics that are limited, with the limit where one has several."""
    metrics = [limit.metric for limit in limits]
    return [
        metric
        if metrics.count(metric) == 1
        else f"{metric} at {'most' if limit.max is not None else 'least'} {limit.bound:g}"
        for metric, limit in zip(metrics, limits, strict=True)
    ]


def _frozen(
    problem: Problem,
    trial: TuningTrial,
    confirmations: Sequence[TuningTrial],
    distributions: Mapping[str, BaseDistribution],
) -> FrozenTrial:
    from optuna.trial import FrozenTrial, TrialState

    told = to_finished_trial(problem, trial)
    value = told.metrics.get(problem.objective.metric) if told.was_measured else None
    state = TrialState.COMPLETE if value is not None else TrialState.PRUNED
    if not told.outcome.policy.told:
        state, value = TrialState.FAIL, None
    params = problem.space.normalised(told.parameters)
    start, complete = _times(trial)
    return FrozenTrial(
        number=-1,
        trial_id=-1,
        state=state,
        value=value,
        datetime_start=start,
        datetime_complete=complete,
        params=params,
        distributions={name: distributions[name] for name in params},
        user_attrs=_attributes_of_trial(trial, confirmations),
        system_attrs={_CONSTRAINTS: _constraints(problem, trial)}
        if told.outcome.policy.told
        else {},
        intermediate_values={},
    )


def _constraints(problem: Problem, trial: TuningTrial) -> list[float]:
    """Return by how much each limit is missed, 0 or less is met, and what no metric shows."""
    told = to_finished_trial(problem, trial)
    violation = violation_of(problem.constraints, told.outcome, told.metrics)
    excesses = violation.excesses or (_UNMEASURED,) * len(problem.constraints)
    return [*excesses, violation.total - sum(max(excess, 0.0) for excess in excesses)]


def _attributes_of_trial(trial: TuningTrial, confirmations: Sequence[TuningTrial]) -> Attributes:
    spec, status = trial.spec, trial.status
    # Few and large: each is a row of its own in a database, and takes it milliseconds.
    attributes = {
        "trial": trial.metadata.name,
        "pool": spec.pool,
        "purpose": spec.purpose.value,
        "outcome": status.outcome,
        "cause": status.cause,
        "stage": status.reached_stage,
        "message": status.message,
        "seconds": status.trial_seconds,
        "metrics": _figures(trial),
        "confirmations": [
            {
                "trial": one.metadata.name,
                "outcome": one.status.outcome,
                "metrics": _figures(one),
            }
            for one in confirmations
        ],
    }
    return {name: value for name, value in attributes.items() if value not in (None, "", [], {})}


def _figures(trial: TuningTrial) -> Attributes:
    return {key: figure.value for key, figure in trial.status.metrics.items()}


def _confirmations(trials: Sequence[TuningTrial], confirmed: TuningTrial) -> list[TuningTrial]:
    index = confirmed.spec.index
    return [trial for trial in trials if trial.spec.confirms == index and trial.is_finished]


def _times(trial: TuningTrial) -> tuple[datetime, datetime]:
    """Return when a trial began and ended, in this machine's time, as Optuna has it."""
    status = trial.status
    end = _UNKNOWN_TIME if status.completion_time is None else _local(status.completion_time)
    if status.start_time is not None:
        return _local(status.start_time), end
    return end - timedelta(seconds=status.trial_seconds), end


def _local(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone().replace(tzinfo=None)
