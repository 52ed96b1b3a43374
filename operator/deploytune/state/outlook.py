"""Where a tuning stands after the verdicts of a pass: searching, confirming, ending, ended.

The search is over when nothing of it is in flight and nothing more is proposed. Then the candidate
is confirmed; when it is, or when none stands, the tuning has ended. A stopped tuning is one whose
search is over now. A suspended tuning stands
still, one that is being deleted is cancelled.
"""

from __future__ import annotations

from dataclasses import dataclass

from deploytune.api.conditions import Reason
from deploytune.api.trial import Purpose, TuningTrial
from deploytune.search.problem import Problem
from deploytune.state.conditions import Course
from deploytune.state.confirm import MAX_CANDIDATES, Candidate, standing_candidate
from deploytune.state.no_answer import nothing_feasible
from deploytune.state.plan import propose_confirmations, propose_trials
from deploytune.state.pools import Room, room_for, stand_aside
from deploytune.state.stopping import why_halted, why_search_ends
from deploytune.state.troubles import Trouble, closed_pools, troubles_of
from deploytune.state.world import World


@dataclass(frozen=True)
class Outlook:
    """The course of the tuning, its candidate so far, and the trials that are to be created."""

    course: Course
    candidate: Candidate | None
    creations: tuple[TuningTrial, ...] = ()
    is_confirming: bool = False


def look_ahead(
    world: World, problem: Problem, trials: tuple[TuningTrial, ...], running: int
) -> Outlook:
    """Return where the tuning stands; `running` counts the attempts that run now."""
    candidate = standing_candidate(problem, trials)
    troubles = troubles_of(world, trials)
    stopped = _stopped(world, trials, troubles, running)
    if stopped is not None:
        return Outlook(stopped, candidate)
    course = Course(degraded_by=troubles, is_stopping=world.tuning.spec.stop)
    closed = closed_pools(troubles)
    unfinished = [trial for trial in trials if not trial.is_finished]
    aside = frozenset(stand_aside(world, closed))
    room = room_for(world.tuning.spec, world.parallel_trials, unfinished, closed, aside)
    search_ended_by = why_search_ends(problem, world, trials)
    if search_ended_by is None:
        proposed = propose_trials(world.tuning, problem, trials, room)
        if proposed or room.total == 0 or room.full_pools:
            return Outlook(course, candidate, proposed)
    if any(trial.spec.purpose is not Purpose.CONFIRM for trial in unfinished):
        return Outlook(course, candidate)
    ended_by = search_ended_by or Reason.SPACE_EXHAUSTED
    return _confirm(world, problem, trials, candidate, _Ending(course, room, ended_by))


@dataclass(frozen=True)
class _Ending:
    """How the search ended, and how the tuning goes on from there."""

    course: Course
    room: Room
    reason: Reason


def _stopped(
    world: World, trials: tuple[TuningTrial, ...], troubles: tuple[Trouble, ...], running: int
) -> Course | None:
    """Return the course of a tuning that starts nothing more, None if it may."""
    if world.tuning.metadata.deletion_timestamp is not None:
        return Course(Reason.CANCELLED, "it is being deleted", is_finished=running == 0)
    if world.tuning.spec.suspend:
        return Course(is_suspended=True, degraded_by=troubles)
    halt = why_halted(world, trials)
    return None if halt is None else Course(halt.reason, halt.message, is_finished=running == 0)


def _confirm(
    world: World,
    problem: Problem,
    trials: tuple[TuningTrial, ...],
    candidate: Candidate | None,
    ending: _Ending,
) -> Outlook:
    wanted = world.tuning.spec.budget.confirmations
    if candidate is not None and not candidate.is_confirmed(wanted):
        creations = propose_confirmations(world.tuning, problem, candidate, trials, ending.room)
        return Outlook(ending.course, candidate, creations, is_confirming=True)
    if any(not trial.is_finished for trial in trials):
        # confirmations of a candidate that is out still run
        return Outlook(ending.course, candidate, is_confirming=True)
    return Outlook(_last_course(problem, trials, candidate, ending.reason), candidate)


def _last_course(
    problem: Problem,
    trials: tuple[TuningTrial, ...],
    candidate: Candidate | None,
    search_ended_by: Reason,
) -> Course:
    if candidate is not None:
        return Course(search_ended_by, _answer_text(candidate), is_finished=True)
    put_out = {trial.spec.confirms for trial in trials if trial.spec.confirms is not None}
    if put_out:
        message = (
            f"none of {len(put_out)} candidates stood its confirmations (at most {MAX_CANDIDATES})"
        )
        return Course(Reason.NO_FEASIBLE_CONFIGURATION, message, is_finished=True)
    return nothing_feasible(problem, trials, search_ended_by)


def _answer_text(candidate: Candidate) -> str:
    count = len(candidate.confirmed_by)
    return f"the answer is {candidate.trial.metadata.name}, confirmed {count} times"
