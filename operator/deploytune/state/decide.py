"""One pass as one pure function: from what there is to everything that is to be done.

observe -> settle what ended -> withdraw what cannot run any more -> look ahead: halt, search,
confirm -> start -> status
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from deploytune.api.conditions import Reason
from deploytune.api.translate import problem_of
from deploytune.api.trial import EndRequest, Purpose, TuningTrial
from deploytune.api.tuning import TuningStatus
from deploytune.contract.request import TrialRequest
from deploytune.state.conditions import Course
from deploytune.state.observe import Observation, observe
from deploytune.state.outlook import Outlook, look_ahead
from deploytune.state.plan import CONFIRMING, NextAttempt, next_attempts
from deploytune.state.pods.template import template_digest
from deploytune.state.pools import room_for, stand_aside
from deploytune.state.requests import build_request
from deploytune.state.settle import settle
from deploytune.state.status import status_of
from deploytune.state.troubles import (
    can_be_mended,
    closed_pools,
    is_misconfigured,
    patience_ends,
    retry_at,
)
from deploytune.state.withdrawals import withdraw
from deploytune.state.world import Attempt, World


@dataclass(frozen=True)
class AttemptKey:
    """An attempt by its trial's index and its own number."""

    trial_index: int
    attempt: int


@dataclass(frozen=True)
class Decision:
    """What to do, in the order of the fields; then the status is written if it changed.

    `trials` are all trials as they are afterwards. `wake_after_seconds` is when something may
    change without a sign: an attempt that is held back may start, a wait has become too long.
    """

    trial_writes: tuple[TuningTrial, ...]
    ends: tuple[AttemptKey, ...]
    creations: tuple[TuningTrial, ...]
    starts: tuple[TrialRequest, ...]
    status: TuningStatus
    status_changed: bool
    is_finished: bool
    trials: tuple[TuningTrial, ...]
    wake_after_seconds: float | None = None


def decide(world: World) -> Decision:
    """Return everything that is to be done now."""
    spec = world.tuning.spec
    problem = problem_of(spec)
    settled = settle(problem, world.tuning, world.trials, observe(world).ended)
    trials = _merge(world.trials, settled)
    withdrawn = withdraw(world, trials)
    world = replace(world, trials=_merge(trials, withdrawn))
    trials, observation = world.trials, observe(world)
    outlook = look_ahead(world, problem, trials, len(observation.running))
    ends, end_requests = _ends(world, outlook.course, observation)
    trials = _merge((*trials, *outlook.creations), end_requests)
    starts, held_back = _starts(world, outlook.course, trials, observation)
    status = status_of(
        world, problem, trials, outlook.candidate, outlook.course, _search_stage(outlook, trials)
    )
    return Decision(
        trial_writes=_in_order(_merge((*settled, *withdrawn), end_requests)),
        ends=ends,
        creations=outlook.creations,
        starts=starts,
        status=status,
        status_changed=status != world.tuning.status,
        is_finished=outlook.course.is_finished,
        trials=trials,
        wake_after_seconds=_wake_after(world, outlook, held_back),
    )


def _ends(
    world: World, course: Course, observation: Observation
) -> tuple[tuple[AttemptKey, ...], tuple[TuningTrial, ...]]:
    """Return the attempts to end, and their trials with the request on record."""
    ends = [_key(stray) for stray in observation.stray if not _is_being_deleted(stray)]
    requests = []
    for trial, attempt in observation.running:
        why = _why_end(world, course, trial, attempt)
        if why is None:
            continue
        if not _is_being_deleted(attempt):
            ends.append(_key(attempt))
        request = EndRequest(attempt=attempt.attempt, why=why)
        if trial.status.end_requested != request and not _is_being_deleted(attempt):
            status = trial.status.replace(end_requested=request)
            requests.append(trial.model_copy(update={"status": status}))
    return tuple(ends), tuple(requests)


def _why_end(world: World, course: Course, trial: TuningTrial, attempt: Attempt) -> str | None:
    """Return why we end a running attempt ourselves, or None."""
    if course.ends_attempts:
        return course.reason or Reason.SUSPENDED
    if world.tuning.spec.stop and trial.spec.purpose is not Purpose.CONFIRM:
        return Reason.STOPPED
    if attempt.place is not None and attempt.place.not_exclusive is not None:
        return "its node shares its devices"
    template = None if attempt.place is None else attempt.place.template
    if attempt.wait is None or template is None or not can_be_mended(attempt.wait):
        return None
    mended = template_digest(world.tuning, trial.spec.pool) != template
    return "the tuning was mended while its Pod waited" if mended else None


def _is_being_deleted(attempt: Attempt) -> bool:
    return attempt.place is not None and attempt.place.is_being_deleted


def _key(attempt: Attempt) -> AttemptKey:
    return AttemptKey(attempt.trial_index, attempt.attempt)


def _starts(
    world: World, course: Course, trials: tuple[TuningTrial, ...], observation: Observation
) -> tuple[tuple[TrialRequest, ...], tuple[datetime, ...]]:
    """Return the attempts to start within the room there is, and when those held back may."""
    if course.ends_attempts:
        return (), ()
    running = [trial for trial, _ in observation.running]
    busy = {trial.spec.index for trial in running}
    waiting = (t for t in trials if not t.is_finished and t.spec.index not in busy)
    blocked = closed_pools(course.degraded_by)
    places = world.parallel_trials - len(observation.stray)
    aside = frozenset(stand_aside(world, blocked))
    room = room_for(world.tuning.spec, places, running, aside=aside)
    waits = {refusal.pool: retry_at(refusal) for refusal in world.refusals}
    starts, held_back = [], []
    for attempt in next_attempts(world.tuning, waiting):
        pool = attempt.trial.spec.pool
        not_before = [at for at in (attempt.not_before, waits.get(pool)) if at is not None]
        if not_before and max(not_before) > world.now:
            held_back.append(max(not_before))
        elif room.of(pool) > 0 and (pool not in blocked or _probes(world, attempt)):
            starts.append(build_request(world.tuning, attempt.trial, attempt.attempt))
            room = room.taken(pool)
    return tuple(starts), tuple(held_back)


def _probes(world: World, attempt: NextAttempt) -> bool:
    """Tell whether an attempt finds out if the trouble of its pool is over."""
    refused = any(refusal.pool == attempt.trial.spec.pool for refusal in world.refusals)
    return refused or is_misconfigured(attempt.trial)


def _wake_after(world: World, outlook: Outlook, held_back: tuple[datetime, ...]) -> float | None:
    patience = (patience_ends(world, attempt) for attempt in world.attempts)
    moments = [*held_back, *(ends for ends in patience if ends is not None and ends > world.now)]
    if outlook.course.is_finished or not moments:
        return None
    return (min(moments) - world.now).total_seconds()


def _search_stage(outlook: Outlook, trials: tuple[TuningTrial, ...]) -> str | None:
    if outlook.course.is_finished:
        return None
    if outlook.is_confirming:
        return CONFIRMING
    proposed = [trial for trial in trials if trial.spec.purpose is not Purpose.CONFIRM]
    return proposed[-1].spec.proposal.search_stage if proposed else None


def _in_order(trials: tuple[TuningTrial, ...]) -> tuple[TuningTrial, ...]:
    """Return trials in the order of completion, which has no gap wherever writing them stops."""
    last = len(trials) + max((t.status.completion_index or 0 for t in trials), default=0)
    return tuple(sorted(trials, key=lambda t: _place(t, last)))


def _place(trial: TuningTrial, last: int) -> int:
    place = trial.status.completion_index
    return last if place is None else place


def _merge(
    trials: Iterable[TuningTrial], changed: Iterable[TuningTrial]
) -> tuple[TuningTrial, ...]:
    """Return the trials by index, changed ones in place of their old selves."""
    by_index = {trial.spec.index: trial for trial in (*trials, *changed)}
    return tuple(by_index[index] for index in sorted(by_index))
