"""Tunings on record as a report finds them, of any size: trials with stages, nodes and failures.

What a trial measures is a formula of its configuration, so that a test knows what is true.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from random import Random
from typing import Any

from builders import MEMORY, NAME, OBJECTIVE, a_trial, a_tuning, a_world, at

from deploytune.api.conditions import Reason
from deploytune.api.recorded import RecordedTuning
from deploytune.api.translate import problem_of
from deploytune.api.trial import AttemptRecord, ProposalRecord, Purpose, TuningTrial
from deploytune.api.tuning import DeploymentTuning
from deploytune.contract.models import Scalar
from deploytune.contract.outcomes import Cause, OutcomeKind
from deploytune.contract.report import Measurement
from deploytune.contract.stages import Stage
from deploytune.report.html.story import Story
from deploytune.state.conditions import Course
from deploytune.state.confirm import standing_candidate
from deploytune.state.status import status_of

LATENCY = "latency_p95_ms@full"
FAMILIES = ("small", "middle", "large", "crashing")
PRECISIONS = ("fp32", "fp16", "int8")
STAGE_SECONDS = {
    Stage.LOAD: 1.0,
    Stage.BUILD: 4.0,
    Stage.SERVE: 2.0,
    Stage.WARM_UP: 1.0,
    Stage.VERIFY: 2.0,
    Stage.MEASURE: 9.0,
    Stage.REPORT: 0.5,
}
TRIAL_SECONDS = 20.0
"""Of which the stages take 19.5: the rest is start and end."""


def a_tuning_of_variants(count: int = 60, **tuning: Any) -> DeploymentTuning:
    """Four families in three precisions on two nodes of one pool, with two limits."""
    spec = {
        "constraints": [
            {"metric": "latency_p95_ms", "load": "full", "max": 20},
            {"metric": "server_memory_mib", "max": 300},
        ],
        **tuning.pop("spec", {}),
    }
    settings: dict[str, Any] = {
        "parameters": [
            a_choice("model", FAMILIES),
            a_choice("precision", PRECISIONS),
            {"name": "instances", "type": "Integer", "min": 1, "max": 8, "default": 1},
            a_choice("batch", (1, 8, 32)),
            {
                "name": "delay",
                "type": "Integer",
                "min": 0,
                "max": 5000,
                "default": 0,
                "when": {"batch": [8, 32]},
            },
        ],
        "max_trials": count,
        "confirmations": 3,
        "resources": {"accelerators": {"nvidia.com/gpu": 2}},
        "spec": spec,
        **tuning,
    }
    return a_tuning(**settings)


def a_record(
    count: int = 60,
    *,
    running: int = 0,
    confirmed: bool = True,
    changed: Mapping[int, Mapping[str, Any]] | None = None,
    **tuning: Any,
) -> RecordedTuning:
    """A tuning of so many ended trials of the search, and some in flight; `changed` by index.

    With none in flight it is finished and its winner confirmed, unless `confirmed` is False.
    """
    resource = a_tuning_of_variants(count + running, **tuning)
    ended = [
        with_status(trial, (changed or {}).get(trial.spec.index, {}))
        for trial in the_trials(resource, count)
    ]
    if confirmed and not running:
        ended += the_confirmations(resource, ended)
    flying = [a_trial(count + place, a_variant(Random(place))) for place in range(running)]
    return recorded(resource, [*ended, *flying])


def a_story(count: int = 60, **record: Any) -> Story:
    return Story.of(a_record(count, **record))


def recorded(
    tuning: DeploymentTuning, trials: Sequence[TuningTrial], course: Course | None = None
) -> RecordedTuning:
    """The record with the status that the product gives it; finished where all trials are."""
    problem = problem_of(tuning.spec)
    candidate = standing_candidate(problem, tuple(trials))
    is_finished = all(trial.is_finished for trial in trials)
    reason = Reason.BUDGET_EXHAUSTED if candidate else Reason.NO_FEASIBLE_CONFIGURATION
    course = course or Course(reason if is_finished else None, is_finished=is_finished)
    world = a_world(tuning, trials, now=TRIAL_SECONDS * len(trials))
    status = status_of(world, problem, tuple(trials), candidate, course, "Exploiting")
    if trials:
        status = status.model_copy(update={"start_time": at(0).isoformat()})
    return RecordedTuning(
        tuning.model_copy(update={"status": status}), tuple(trials), "state/of/tests"
    )


def a_choice(name: str, values: Sequence[Scalar]) -> dict[str, Any]:
    return {"name": name, "type": "Categorical", "values": list(values), "default": values[0]}


def a_variant(rng: Random) -> dict[str, Scalar]:
    batch = rng.choice((1, 8, 32))
    variant: dict[str, Scalar] = {
        "model": rng.choice(FAMILIES),
        "precision": rng.choice(PRECISIONS),
        "instances": rng.randint(1, 8),
        "batch": batch,
    }
    return variant | ({} if batch == 1 else {"delay": rng.randint(0, 5000)})


def the_trials(tuning: DeploymentTuning, count: int) -> Iterator[TuningTrial]:
    """Two at a time, each on a node of its own, all of the same length."""
    defaults = problem_of(tuning.spec).space.defaults()
    assert defaults is not None
    for index in range(count):
        variant = a_variant(Random(index)) if index else defaults
        purpose = Purpose.SEARCH if index else Purpose.BASELINE
        yield an_ended(a_trial(index, variant, purpose), index)


def the_confirmations(
    tuning: DeploymentTuning, ended: Sequence[TuningTrial]
) -> Iterator[TuningTrial]:
    candidate = standing_candidate(problem_of(tuning.spec), tuple(ended))
    if candidate is None:
        return
    best = candidate.trial.spec
    for index in range(len(ended), len(ended) + tuning.spec.budget.confirmations):
        trial = a_trial(index, best.parameters, Purpose.CONFIRM, confirms=best.index)
        yield an_ended(trial, index)


def an_ended(trial: TuningTrial, place: int) -> TuningTrial:
    """The trial as its configuration makes it end, the `place`th of all."""
    outcome, cause, metrics = what_comes_of(trial.spec.parameters, Random(trial.spec.index))
    stages = STAGE_SECONDS if metrics else {Stage.LOAD: 1.0, Stage.BUILD: 4.0}
    seconds = TRIAL_SECONDS if metrics else 6.0
    end = at(TRIAL_SECONDS * (place // 2 + 1))
    record = AttemptRecord(
        attempt=0,
        outcome=outcome,
        cause=cause,
        seconds=seconds,
        accelerator_seconds=2 * seconds,
        end_time=end.isoformat(),
        node=f"node-{place % 2}",
    )
    proposal = ProposalRecord(
        strategy="TBA",
        search_stage="Exploring",
        why={"rule": "model", "feasible": 0.5, "gain": 0.01},
        knew=tuple(range(max(0, place - 1))),
    )
    status = trial.status.replace(
        outcome=outcome,
        cause=cause,
        message="" if metrics else "the builder refused it",
        metrics=metrics,
        stage_seconds=stages,
        attempts=(record,),
        completion_index=place,
        completion_time=end.isoformat(),
        trial_seconds=seconds,
    )
    spec = trial.spec.replace(proposal=proposal)
    return trial.model_copy(update={"spec": spec, "status": status})


def with_status(trial: TuningTrial, changes: Mapping[str, Any]) -> TuningTrial:
    return trial.model_copy(update={"status": trial.status.replace(**changes)})


def what_comes_of(
    variant: Mapping[str, Scalar], rng: Random
) -> tuple[OutcomeKind, Cause | None, dict[str, Measurement]]:
    """Larger families answer more and slower; one of them never builds."""
    if variant["model"] == "crashing":
        return OutcomeKind.CRASHED, Cause.BUILD_FAILED, {}
    size = 1 + FAMILIES.index(str(variant["model"]))
    instances = float(variant["instances"])
    halved = 1 + PRECISIONS.index(str(variant["precision"]))
    latency = 12.0 * size / halved + 0.5 * instances + rng.random()
    memory = 40.0 * size + 30.0 * instances
    metrics = {
        OBJECTIVE: Measurement(value=100.0 * size + 10 * instances, half_width=5.0),
        LATENCY: Measurement(value=latency, half_width=0.5),
        MEMORY: Measurement(value=memory),
    }
    if latency <= 20 and memory <= 300:
        return OutcomeKind.FEASIBLE, None, metrics
    return OutcomeKind.INFEASIBLE, Cause.LIMIT_MISSED, metrics


__all__ = ["MEMORY", "NAME", "OBJECTIVE"]
