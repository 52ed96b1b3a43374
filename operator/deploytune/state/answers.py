"""The figures of the status: the answer with its margins, the nearest miss while there is none."""

from __future__ import annotations

from collections.abc import Sequence

from deploytune.api.trial import TuningTrial
from deploytune.api.tuning import Answer, LimitMargin, NearestMiss
from deploytune.api.tuning_status import PoolAnswer
from deploytune.contract.outcomes import OutcomeKind
from deploytune.contract.report import Measurement
from deploytune.search.history import FinishedTrial
from deploytune.search.problem import Constraint, Problem
from deploytune.search.violations import normalised_excess, violation_of
from deploytune.state.confirm import Candidate
from deploytune.state.history import to_finished_trial
from deploytune.state.repeated import combine_repeated

_Metrics = dict[str, Measurement]


def answer_of(problem: Problem, candidate: Candidate) -> Answer:
    """Return the candidate as an answer: the figures are those of its confirmations alone.

    Only a candidate without any shows its own, measured in the search; with some, that one counts
    for the spread between processes.
    """
    confirmations = candidate.confirmed_by
    figures = candidate.trial.status.metrics
    if confirmations:
        figures = _combine([trial.status.metrics for trial in confirmations], figures)
    return _answer(problem, candidate.trial, figures, len(confirmations))


def pool_answer(problem: Problem, pool: str, candidate: Candidate) -> PoolAnswer:
    """Return the candidate of one pool with its figures."""
    answer = answer_of(problem, candidate)
    return PoolAnswer(
        name=pool,
        trial=answer.trial,
        parameters=answer.parameters,
        metrics=answer.metrics,
        confirmations=answer.confirmations,
    )


def baseline_answer(problem: Problem, baseline: TuningTrial | None) -> Answer | None:
    """Return the baseline's figures as measured, None while there are none."""
    if baseline is None or not baseline.status.metrics:
        return None
    return _answer(problem, baseline, baseline.status.metrics, 0)


def nearest_miss(problem: Problem, trials: Sequence[TuningTrial]) -> NearestMiss | None:
    """Return the measured trial that came closest to being feasible, None if none was measured."""
    missed = [trial for trial in trials if trial.status.outcome is OutcomeKind.INFEASIBLE]
    closest = min(missed, key=lambda trial: _violation(problem, trial), default=None)
    if closest is None:
        return None
    metrics = to_finished_trial(problem, closest).metrics
    binding = max(
        problem.constraints,
        key=lambda constraint: normalised_excess(constraint, metrics.get(constraint.limit.metric)),
        default=None,
    )
    measured = [to_finished_trial(problem, trial) for trial in trials if _was_measured(trial)]
    return NearestMiss(
        trial=closest.metadata.name,
        parameters=closest.spec.parameters,
        violation=_violation(problem, closest),
        binding_metric=None if binding is None else binding.limit.metric,
        limit=None if binding is None else binding.limit.bound,
        value=None if binding is None else metrics.get(binding.limit.metric),
        missed_by=0 if binding is None else sum(_misses(binding, trial) for trial in measured),
        measured=len(measured),
    )


def _answer(problem: Problem, trial: TuningTrial, figures: _Metrics, confirmations: int) -> Answer:
    widths = {key: measured.half_width for key, measured in figures.items()}
    return Answer(
        trial=trial.metadata.name,
        pool=trial.spec.pool,
        parameters=trial.spec.parameters,
        metrics={key: measured.value for key, measured in figures.items()},
        half_widths={key: width for key, width in widths.items() if width is not None},
        margins=tuple(_margins(problem, figures)),
        confirmations=confirmations,
    )


def _margins(problem: Problem, figures: _Metrics) -> list[LimitMargin]:
    margins = []
    for limit in (constraint.limit for constraint in problem.constraints):
        measured = figures.get(limit.metric)
        margins.append(
            LimitMargin(
                metric=limit.metric,
                limit=limit.bound,
                value=None if measured is None else measured.value,
                margin=None if measured is None else -limit.excess(measured.value),
            )
        )
    return margins


def _combine(confirmations: Sequence[_Metrics], searched: _Metrics) -> _Metrics:
    """Return each metric that all measurements of a configuration have."""
    shared = [key for key in searched if all(key in metrics for metrics in confirmations)]
    return {
        key: combine_repeated([metrics[key] for metrics in confirmations], searched[key])
        for key in shared
    }


def _was_measured(trial: TuningTrial) -> bool:
    return trial.status.outcome in (OutcomeKind.FEASIBLE, OutcomeKind.INFEASIBLE)


def _misses(constraint: Constraint, trial: FinishedTrial) -> bool:
    return not constraint.limit.is_met_by(trial.metrics.get(constraint.limit.metric))


def _violation(problem: Problem, trial: TuningTrial) -> float:
    told = to_finished_trial(problem, trial)
    return violation_of(problem.constraints, told.outcome, told.metrics).total
