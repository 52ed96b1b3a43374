"""Where a tuning stands after the verdicts of a pass: searching, confirming, ending, ended.

The search is over when nothing of it is in flight and nothing more is proposed. Then the candidate
is confirmed; when it is, or when none stands, the tuning has ended.
"""

from __future__ import annotations

from dataclasses import dataclass

from deploytune.api.conditions import Reason
from deploytune.api.trial import TuningTrial
from deploytune.search.problem import Problem
from deploytune.state.conditions import Course
from deploytune.state.confirm import MAX_CANDIDATES, Candidate, standing_candidate
from deploytune.state.history import knowledge_of
from deploytune.state.plan import propose_confirmations, propose_trials
from deploytune.state.stopping import why_halted, why_search_ends
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
    halt = why_halted(world, trials)
    if halt is not None:
        return Outlook(Course(halt.reason, halt.message, is_finished=running == 0), candidate)
    slots = max(0, world.parallel_trials - _unfinished(trials))
    knowledge = knowledge_of(trials)
    search_ended_by = why_search_ends(problem, knowledge, world)
    if search_ended_by is None:
        proposed = propose_trials(world.tuning, problem, trials, slots)
        if proposed or slots == 0:
            return Outlook(Course(), candidate, proposed)
    if knowledge.in_flight:
        return Outlook(Course(), candidate)
    return _confirm(world, trials, candidate, search_ended_by or Reason.SPACE_EXHAUSTED)


def _confirm(
    world: World,
    trials: tuple[TuningTrial, ...],
    candidate: Candidate | None,
    search_ended_by: Reason,
) -> Outlook:
    unfinished = _unfinished(trials)
    wanted = world.tuning.spec.budget.confirmations
    if candidate is not None and not candidate.is_confirmed(wanted):
        slots = max(0, world.parallel_trials - unfinished)
        creations = propose_confirmations(world.tuning, candidate, trials, slots)
        return Outlook(Course(), candidate, creations, is_confirming=True)
    if unfinished:  # confirmations of a candidate that is out still run
        return Outlook(Course(), candidate, is_confirming=True)
    return Outlook(_last_course(trials, candidate, search_ended_by), candidate)


def _last_course(
    trials: tuple[TuningTrial, ...], candidate: Candidate | None, search_ended_by: Reason
) -> Course:
    if candidate is not None:
        return Course(search_ended_by, _answer_text(candidate), is_finished=True)
    put_out = {trial.spec.confirms for trial in trials if trial.spec.confirms is not None}
    message = (
        f"none of {len(put_out)} candidates stood its confirmations (at most {MAX_CANDIDATES})"
        if put_out
        else f"no trial met every limit ({search_ended_by})"
    )
    return Course(Reason.NO_FEASIBLE_CONFIGURATION, message, is_finished=True)


def _answer_text(candidate: Candidate) -> str:
    count = len(candidate.confirmed_by)
    return f"the answer is {candidate.trial.metadata.name}, confirmed {count} times"


def _unfinished(trials: tuple[TuningTrial, ...]) -> int:
    return sum(not trial.is_finished for trial in trials)
