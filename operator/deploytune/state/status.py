"""The status of a tuning, recomputed from its trials at every pass; nothing is counted up."""

from __future__ import annotations

from collections import Counter, defaultdict

from deploytune.api.trial import Purpose, TuningTrial
from deploytune.api.tuning import TuningStatus, WastedSeconds
from deploytune.contract.outcomes import OutcomeKind
from deploytune.search.problem import Problem
from deploytune.state.answers import answer_of, baseline_answer, nearest_miss
from deploytune.state.conditions import Course, conditions_of
from deploytune.state.confirm import Candidate
from deploytune.state.timestamps import to_timestamp
from deploytune.state.world import World

_MOST_CAUSES = 32


def status_of(
    world: World,
    problem: Problem,
    trials: tuple[TuningTrial, ...],
    candidate: Candidate | None,
    course: Course,
    search_stage: str | None,
) -> TuningStatus:
    """Return the status; `trials` carry what this pass has decided."""
    before = world.tuning.status or TuningStatus()
    finished = [trial for trial in trials if trial.is_finished]
    now = to_timestamp(world.now)
    return TuningStatus(
        conditions=conditions_of(
            before.conditions, course, feasible_found=candidate is not None, now=world.now
        ),
        search_stage=search_stage,
        start_time=before.start_time or now,
        completion_time=(before.completion_time or now) if course.is_finished else None,
        trials=len(trials),
        outcomes=_counts(finished),
        trial_seconds=sum(trial.status.trial_seconds for trial in trials),
        wasted=_wasted(trials),
        baseline=baseline_answer(problem, _baseline(trials)),
        best=None if candidate is None else answer_of(problem, candidate),
        nearest_miss=nearest_miss(problem, finished) if candidate is None else None,
    )


def _counts(finished: list[TuningTrial]) -> dict[str, int]:
    counts = Counter(trial.status.outcome for trial in finished)
    return {kind.value: counts[kind] for kind in OutcomeKind if counts[kind]}


def _wasted(trials: tuple[TuningTrial, ...]) -> tuple[WastedSeconds, ...]:
    """Return the seconds of attempts that were not feasible, by what they ended as."""
    seconds: defaultdict[str, float] = defaultdict(float)
    for attempt in (attempt for trial in trials for attempt in trial.status.attempts):
        if attempt.outcome is not OutcomeKind.FEASIBLE:
            cause = "" if attempt.cause is None else f"/{attempt.cause}"
            seconds[f"{attempt.outcome}{cause}"] += attempt.seconds
    most = sorted(seconds.items(), key=lambda item: -item[1])
    return tuple(WastedSeconds(cause=cause, seconds=spent) for cause, spent in most[:_MOST_CAUSES])


def _baseline(trials: tuple[TuningTrial, ...]) -> TuningTrial | None:
    return next((trial for trial in trials if trial.spec.purpose is Purpose.BASELINE), None)
