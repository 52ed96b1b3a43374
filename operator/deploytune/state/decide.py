"""One pass as one pure function: from what there is to everything that is to be done.

observe -> settle what ended -> look ahead: halt, search, confirm -> start -> status
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from deploytune.api.translate import problem_of
from deploytune.api.trial import EndRequest, Purpose, TuningTrial
from deploytune.api.tuning import TuningStatus
from deploytune.contract.request import TrialRequest
from deploytune.state.conditions import Course
from deploytune.state.observe import Observation, observe
from deploytune.state.outlook import Outlook, look_ahead
from deploytune.state.plan import CONFIRMING, next_attempts
from deploytune.state.requests import build_request
from deploytune.state.settle import settle
from deploytune.state.status import status_of
from deploytune.state.world import World


@dataclass(frozen=True)
class AttemptKey:
    """An attempt by its trial's index and its own number."""

    trial_index: int
    attempt: int


@dataclass(frozen=True)
class Decision:
    """What to do, in the order of the fields; then the status is written if it changed.

    `trials` are all trials as they are afterwards. `wake_after_seconds` is when an attempt that is
    held back may start, None if none is.
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
    observation = observe(world)
    settled = settle(problem, spec.trial.infra_retries, world.trials, observation.ended)
    trials = _merge(world.trials, settled)
    outlook = look_ahead(world, problem, trials, len(observation.running))
    ends, end_requests = _ends(outlook.course, observation)
    trials = _merge((*trials, *outlook.creations), end_requests)
    starts, wake_after_seconds = _starts(world, outlook.course, trials, observation)
    status = status_of(
        world, problem, trials, outlook.candidate, outlook.course, _search_stage(outlook, trials)
    )
    return Decision(
        trial_writes=(*settled, *end_requests),
        ends=ends,
        creations=outlook.creations,
        starts=starts,
        status=status,
        status_changed=status != world.tuning.status,
        is_finished=outlook.course.is_finished,
        trials=trials,
        wake_after_seconds=wake_after_seconds,
    )


def _ends(
    course: Course, observation: Observation
) -> tuple[tuple[AttemptKey, ...], tuple[TuningTrial, ...]]:
    """Return the attempts to end, and their trials with the request on record."""
    ends = [AttemptKey(stray.trial_index, stray.attempt) for stray in observation.stray]
    requests = []
    for trial, attempt in observation.running if course.reason is not None else ():
        ends.append(AttemptKey(attempt.trial_index, attempt.attempt))
        request = EndRequest(attempt=attempt.attempt, why=course.reason or "")
        if trial.status.end_requested != request:
            status = trial.status.replace(end_requested=request)
            requests.append(trial.model_copy(update={"status": status}))
    return tuple(ends), tuple(requests)


def _starts(
    world: World, course: Course, trials: tuple[TuningTrial, ...], observation: Observation
) -> tuple[tuple[TrialRequest, ...], float | None]:
    """Return the attempts to start within the free slots, and when the next held back may."""
    if course.reason is not None:
        return (), None
    running = {trial.spec.index for trial, _ in observation.running}
    waiting = (t for t in trials if not t.is_finished and t.spec.index not in running)
    attempts = next_attempts(waiting, world.attempts)
    ready = [a for a in attempts if a.not_before is None or a.not_before <= world.now]
    held_back = [a.not_before for a in attempts if a.not_before is not None and a not in ready]
    slots = max(0, world.parallel_trials - len(running) - len(observation.stray))
    return (
        tuple(build_request(world.tuning, a.trial, a.attempt) for a in ready[:slots]),
        (min(held_back) - world.now).total_seconds() if held_back else None,
    )


def _search_stage(outlook: Outlook, trials: tuple[TuningTrial, ...]) -> str | None:
    if outlook.course.is_finished:
        return None
    if outlook.is_confirming:
        return CONFIRMING
    proposed = [trial for trial in trials if trial.spec.purpose is not Purpose.CONFIRM]
    return proposed[-1].spec.proposal.search_stage if proposed else None


def _merge(
    trials: Iterable[TuningTrial], changed: Iterable[TuningTrial]
) -> tuple[TuningTrial, ...]:
    """Return the trials by index, changed ones in place of their old selves."""
    by_index = {trial.spec.index: trial for trial in (*trials, *changed)}
    return tuple(by_index[index] for index in sorted(by_index))
