"""Why a tuning goes no further: halts that end it at once, and the end of its search.

Halts look only at what happened since this run began: whoever starts it again has mended something.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import takewhile

from deploytune.api.conditions import Reason
from deploytune.api.trial import TuningTrial
from deploytune.contract.outcomes import Cause, OutcomeKind
from deploytune.search.problem import Problem
from deploytune.search.stopping import stop_reason
from deploytune.state.history import knowledge_of
from deploytune.state.observe import in_order_of_completion
from deploytune.state.settle import accelerators_of
from deploytune.state.suspension import suspended_seconds
from deploytune.state.timestamps import from_timestamp
from deploytune.state.troubles import is_misconfigured
from deploytune.state.world import World

MAX_ABANDONED_IN_A_ROW = 3
"""Trials in a row that infrastructure spoiled, all retries spent, before the tuning ends."""

OUTAGE_SECONDS = 300.0
"""What such a row must last in a cluster: a shorter outage is none that should end a tuning."""


@dataclass(frozen=True)
class Halt:
    """Why a tuning ends at once, in a word and in a sentence."""

    reason: Reason
    message: str


def why_halted(world: World, trials: tuple[TuningTrial, ...]) -> Halt | None:
    """Return why the tuning ends at once, or None; `trials` carry the verdicts of this pass."""
    return next((halt for rule in _HALTS if (halt := rule(world, trials)) is not None), None)


def why_search_ends(
    problem: Problem, world: World, trials: tuple[TuningTrial, ...]
) -> Reason | None:
    """Return why the search proposes no more, or None."""
    if world.tuning.spec.stop:
        return Reason.STOPPED
    if is_time_or_money_spent(world, trials):
        return Reason.BUDGET_EXHAUSTED
    reason = stop_reason(problem, knowledge_of(problem, trials))
    return None if reason is None else Reason(reason.value)


def is_time_or_money_spent(world: World, trials: tuple[TuningTrial, ...]) -> bool:
    """Tell whether the budget of seconds, or of accelerator seconds, is spent."""
    return any(is_spent(world, trials) for is_spent in _BUDGETS)


def _time_is_up(world: World, _trials: tuple[TuningTrial, ...]) -> bool:
    limit = world.tuning.spec.budget.max_duration_seconds
    status = world.tuning.status
    if limit is None or status is None or status.start_time is None:
        return False
    elapsed = (world.now - from_timestamp(status.start_time)).total_seconds()
    return elapsed - suspended_seconds(status, world.now) >= limit


def _accelerators_are_spent(world: World, trials: tuple[TuningTrial, ...]) -> bool:
    limit = world.tuning.spec.budget.max_accelerator_seconds
    return limit is not None and accelerator_seconds(world, trials) >= limit


_BUDGETS = (_time_is_up, _accelerators_are_spent)


def accelerator_seconds(world: World, trials: tuple[TuningTrial, ...]) -> float:
    """Return the accelerator seconds of ended attempts, and of running ones so far."""
    by_index = {trial.spec.index: trial for trial in trials}
    running = (
        (world.now - attempt.started_at).total_seconds()
        * accelerators_of(world.tuning.spec, by_index[attempt.trial_index])
        for attempt in world.attempts
        if attempt.is_bound and attempt.ending is None and attempt.trial_index in by_index
    )
    recorded = (record.accelerator_seconds for t in trials for record in t.status.attempts)
    return sum(recorded) + sum(running)


def _misconfigured(world: World, trials: tuple[TuningTrial, ...]) -> Halt | None:
    if world.waits_for_mending:
        return None
    for trial in filter(is_misconfigured, trials):
        last = trial.status.attempts[-1]
        if last.end_time is not None and from_timestamp(last.end_time) > world.resumed_at:
            return Halt(Reason.INVALID_SPEC, f"{trial.metadata.name}: {last.message}")
    return None


def _too_many_infrastructure_failures(world: World, trials: tuple[TuningTrial, ...]) -> Halt | None:
    latest = reversed(in_order_of_completion(trials))
    in_a_row = [*takewhile(_was_abandoned, latest)]
    recent = [trial for trial in in_a_row if _ended_in_this_run(trial, world)]
    if len(recent) < MAX_ABANDONED_IN_A_ROW or not _has_lasted(world, recent):
        return None
    return Halt(
        Reason.TOO_MANY_INFRASTRUCTURE_FAILURES,
        f"{len(recent)} trials in a row failed by infrastructure with all retries spent, "
        f"the last: {recent[0].status.message}",
    )


def _has_lasted(world: World, latest_first: list[TuningTrial]) -> bool:
    """Tell whether failures are no short outage; a run on one machine is ended by the first."""
    first, last = latest_first[-1].status.completion_time, latest_first[0].status.completion_time
    assert first is not None, "finished trials have ended at some time"
    assert last is not None, "finished trials have ended at some time"
    seconds = (from_timestamp(last) - from_timestamp(first)).total_seconds()
    return not world.waits_for_mending or seconds >= OUTAGE_SECONDS


def _was_abandoned(trial: TuningTrial) -> bool:
    withdrawn = trial.status.cause is Cause.INTERRUPTED
    return trial.status.outcome is OutcomeKind.INFRASTRUCTURE and not withdrawn


def _ended_in_this_run(trial: TuningTrial, world: World) -> bool:
    ended = trial.status.completion_time
    return ended is not None and from_timestamp(ended) > world.resumed_at


_HALTS: tuple[Callable[[World, tuple[TuningTrial, ...]], Halt | None], ...] = (
    _misconfigured,
    _too_many_infrastructure_failures,
)
