"""What the search may know, folded from the TuningTrials in the order of completion."""

from __future__ import annotations

from deploytune.api.translate import POOL_PARAMETER
from deploytune.api.trial import Purpose, TuningTrial
from deploytune.contract.outcomes import OutcomeKind
from deploytune.search.history import FinishedTrial, InFlight, Knowledge, Parameters
from deploytune.search.problem import Problem
from deploytune.state.observe import in_order_of_completion


def knowledge_of(problem: Problem, trials: tuple[TuningTrial, ...]) -> Knowledge:
    """Return what the search knows; confirmations are none of its business."""
    searched = tuple(t for t in trials if t.spec.purpose is not Purpose.CONFIRM)
    finished = in_order_of_completion(searched)
    unfinished = sorted(
        (t for t in searched if not t.is_finished), key=lambda trial: trial.spec.index
    )
    return Knowledge(
        finished=tuple(to_finished_trial(problem, t) for t in finished if _outcome(t).policy.told),
        in_flight=tuple(InFlight(t.spec.index, _searched(problem, t)) for t in unfinished),
        abandoned=tuple(_searched(problem, t) for t in finished if not _outcome(t).policy.told),
    )


def to_finished_trial(problem: Problem, trial: TuningTrial) -> FinishedTrial:
    """Return a finished trial as the search sees it; its cost is that of its last attempt."""
    return FinishedTrial(
        index=trial.spec.index,
        parameters=_searched(problem, trial),
        outcome=_outcome(trial),
        metrics={key: measured.value for key, measured in trial.status.metrics.items()},
        seconds=trial.status.attempts[-1].seconds if trial.status.attempts else 0.0,
    )


def _searched(problem: Problem, trial: TuningTrial) -> Parameters:
    """Return the configuration as the search has it: the pool too, where there are several."""
    if any(parameter.name == POOL_PARAMETER for parameter in problem.space.parameters):
        return {POOL_PARAMETER: trial.spec.pool, **trial.spec.parameters}
    return trial.spec.parameters


def _outcome(trial: TuningTrial) -> OutcomeKind:
    assert trial.status.outcome is not None, "only finished trials are history"
    return trial.status.outcome
