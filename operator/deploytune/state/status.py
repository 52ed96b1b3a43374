"""The status of a tuning, recomputed from its trials at every pass; nothing is counted up."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import replace

from deploytune.api.trial import Purpose, TuningTrial
from deploytune.api.tuning import TuningSpec, TuningStatus, WastedSeconds
from deploytune.api.tuning_status import ClosedSubspace, PoolAnswer
from deploytune.contract.outcomes import OutcomeKind
from deploytune.search.closings import closed_values, closes_values
from deploytune.search.problem import Problem
from deploytune.state.answers import answer_of, baseline_answer, nearest_miss, pool_answer
from deploytune.state.conditions import Course, conditions_of
from deploytune.state.confirm import Candidate, standing_candidate
from deploytune.state.history import knowledge_of
from deploytune.state.preflight.forecasts import foreseen_text
from deploytune.state.suspension import suspensions_over
from deploytune.state.timestamps import to_timestamp
from deploytune.state.troubles import first_image
from deploytune.state.world import WaitKind, World

_MOST_CAUSES = 32
_MOST_CLOSED = 64
_SOON_SECONDS = 5.0


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
    generation = world.tuning.metadata.generation
    return TuningStatus(
        observed_generation=generation,
        conditions=conditions_of(
            before.conditions,
            replace(course, waits_for=_waits_for(world), foreseen=foreseen_text(world)),
            feasible_found=candidate is not None,
            now=world.now,
            generation=generation,
        ),
        search_stage=search_stage,
        start_time=before.start_time or now,
        completion_time=(before.completion_time or now) if course.is_finished else None,
        trials=len(trials),
        outcomes=_counts(finished),
        trial_seconds=sum(trial.status.trial_seconds for trial in trials),
        accelerator_seconds=sum(
            record.accelerator_seconds for trial in trials for record in trial.status.attempts
        ),
        suspended_seconds=suspensions_over(before, world.now, is_suspended=course.is_suspended),
        trial_image_id=first_image(trials),
        wasted=_wasted(trials),
        baseline=baseline_answer(problem, _baseline(trials)),
        best=None if candidate is None else answer_of(problem, candidate),
        best_per_pool=_best_per_pool(problem, world.tuning.spec, trials),
        closed_subspaces=() if course.is_finished else _closed(problem, trials),
        nearest_miss=nearest_miss(problem, finished) if candidate is None else None,
        feasible_left_at_most=course.feasible_left_at_most,
    )


def _best_per_pool(
    problem: Problem, spec: TuningSpec, trials: tuple[TuningTrial, ...]
) -> tuple[PoolAnswer, ...]:
    """Return the best of each pool that has one; nothing where there is one pool only."""
    if len(spec.node_pools) == 1:
        return ()
    found = []
    for pool in spec.node_pools:
        own = tuple(trial for trial in trials if trial.spec.pool == pool.name)
        candidate = standing_candidate(problem, own)
        if candidate is not None:
            found.append(pool_answer(problem, pool.name, candidate))
    return tuple(found)


def _closed(problem: Problem, trials: tuple[TuningTrial, ...]) -> tuple[ClosedSubspace, ...]:
    """Return what the strategy closes now, as it finds itself from the trials on record."""
    if not closes_values(problem.algorithm):
        return ()
    closed = closed_values(problem, knowledge_of(problem, trials))
    return tuple(
        ClosedSubspace(
            parameter=one.parameter,
            value=one.value,
            failures=one.failures,
            until_trials=one.until,
        )
        for one in closed[:_MOST_CLOSED]
    )


def _waits_for(world: World) -> str:
    """Return what the first attempt that has waited for a while waits for."""
    for attempt in world.attempts:
        wait = attempt.wait
        if wait is None or wait.kind is WaitKind.STARTING:
            continue
        if (world.now - wait.since).total_seconds() >= _SOON_SECONDS:
            pod = "" if attempt.place is None else f"Pod {attempt.place.pod} waits: "
            return f"{pod}{wait.message}"
    return ""


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
