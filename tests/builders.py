"""Builders of tunings, trials, endings and worlds, so that a test shows only what it is about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from deploytune.api.trial import (
    AttemptRecord,
    ProposalRecord,
    Purpose,
    TrialMetadata,
    TrialSpecRecord,
    TrialStatusRecord,
    TuningTrial,
    trial_name,
)
from deploytune.api.tuning import DeploymentTuning
from deploytune.contract.codec import encode_breadcrumb, encode_report
from deploytune.contract.models import Scalar
from deploytune.contract.outcomes import Cause, OutcomeKind
from deploytune.contract.report import Breadcrumb, Measurement, TrialReport
from deploytune.contract.stages import Stage
from deploytune.state.world import Attempt, EndedBy, Ending, Place, Wait, WaitKind, World

NAME = "tune"
EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
OBJECTIVE = "throughput@full"
MEMORY = "server_memory_mib"


def at(seconds: float) -> datetime:
    """Return a moment so many seconds after the tests' time began."""
    return EPOCH + timedelta(seconds=seconds)


def a_tuning(
    *,
    parameters: Sequence[Mapping[str, Any]] | None = None,
    memory_max: float | None = 200.0,
    max_trials: int = 8,
    confirmations: int = 2,
    parallel_trials: int = 1,
    algorithm: str = "Random",
    seed: int = 1,
    infra_retries: int = 1,
    run_deadline_seconds: float = 60.0,
    resources: Mapping[str, Any] | None = None,
    pools: Sequence[Mapping[str, Any]] | None = None,
    trial: Mapping[str, Any] | None = None,
    metadata: Mapping[str, Any] | None = None,
    budget: Mapping[str, Any] | None = None,
    spec: Mapping[str, Any] | None = None,
    name: str = NAME,
) -> DeploymentTuning:
    """A tuning of `kind`, `size` and `level`; throughput counts, memory is limited."""
    limits = [] if memory_max is None else [{"metric": MEMORY, "max": memory_max}]
    return DeploymentTuning.model_validate(
        {
            "metadata": {"name": name, **(metadata or {})},
            "spec": {
                "objectives": [{"metric": "throughput", "load": "full", "direction": "Maximize"}],
                "constraints": limits,
                "searchSpace": {"parameters": parameters or the_parameters()},
                "nodePools": list(pools or [{"name": "local", "resources": dict(resources or {})}]),
                **(spec or {}),
                "parallelTrials": parallel_trials,
                "budget": {
                    "maxTrials": max_trials,
                    "confirmations": confirmations,
                    **(budget or {}),
                },
                "algorithm": {
                    "name": algorithm,
                    "seed": seed,
                },
                "trial": {
                    "runDeadlineSeconds": run_deadline_seconds,
                    "infraRetries": infra_retries,
                    **(trial or {}),
                },
                "workload": {
                    "models": [{"name": "model", "source": "model.onnx"}],
                    "loads": [{"name": "full", "type": "ClosedLoop", "concurrency": 1}],
                },
            },
        }
    )


def the_parameters(kinds: Sequence[str] = ("measure",)) -> list[dict[str, Any]]:
    """The space of the deterministic trial program."""
    return [
        {"name": "kind", "type": "Categorical", "values": list(kinds), "default": kinds[0]},
        {"name": "size", "type": "Integer", "min": 1, "max": 6, "default": 1},
        {"name": "level", "type": "Integer", "min": 0, "max": 9, "default": 0},
    ]


def a_configuration(size: int = 1, level: int = 0, kind: str = "measure") -> dict[str, Scalar]:
    return {"kind": kind, "size": size, "level": level}


def a_trial(
    index: int = 0,
    parameters: Mapping[str, Scalar] | None = None,
    purpose: Purpose = Purpose.SEARCH,
    confirms: int | None = None,
    name: str = NAME,
    pool: str = "local",
) -> TuningTrial:
    """A trial on record that has not ended."""
    return TuningTrial(
        metadata=TrialMetadata(name=trial_name(name, index)),
        spec=TrialSpecRecord(
            tuning=name,
            index=index,
            parameters=dict(parameters or a_configuration(level=index)),
            pool=pool,
            purpose=purpose,
            confirms=confirms,
            proposal=ProposalRecord(strategy="Random", search_stage="Exploring"),
        ),
    )


def a_finished_trial(
    index: int = 0,
    outcome: OutcomeKind = OutcomeKind.FEASIBLE,
    *,
    cause: Cause | None = None,
    throughput: float | None = 100.0,
    memory: float | None = 100.0,
    completion_index: int | None = None,
    completed_at: float = 0.0,
    seconds: float = 1.0,
    **trial: Any,
) -> TuningTrial:
    """A trial with its outcome on record."""
    status = TrialStatusRecord(
        outcome=outcome,
        cause=cause,
        metrics=metrics_of(throughput, memory),
        attempts=(AttemptRecord(attempt=0, outcome=outcome, cause=cause, seconds=seconds),),
        completion_index=index if completion_index is None else completion_index,
        completion_time=at(completed_at).isoformat(),
        trial_seconds=seconds,
    )
    return a_trial(index, **trial).model_copy(update={"status": status})


def metrics_of(throughput: float | None, memory: float | None) -> dict[str, Measurement]:
    values = {OBJECTIVE: throughput, MEMORY: memory}
    return {key: Measurement(value=value) for key, value in values.items() if value is not None}


def a_report(
    outcome: OutcomeKind = OutcomeKind.FEASIBLE,
    *,
    index: int = 0,
    attempt: int = 0,
    throughput: float | None = 100.0,
    memory: float | None = 100.0,
    **fields: Any,
) -> bytes:
    """A report as the trial writes it."""
    report = TrialReport(
        trial=trial_name(NAME, index),
        index=index,
        attempt=attempt,
        outcome=outcome,
        stage=fields.pop("stage", Stage.REPORT),
        metrics=metrics_of(throughput, memory),
        **fields,
    )
    return encode_report(report)


def a_breadcrumb(stage: Stage = Stage.BUILD) -> bytes:
    """The word of a trial that began a stage and never reported."""
    return encode_breadcrumb(Breadcrumb(stage=stage))


def an_ending(
    message: bytes = b"",
    *,
    exit_code: int | None = 0,
    ended_by: EndedBy = EndedBy.NOBODY,
    out_of_memory: bool = False,
    seconds: float = 1.0,
    detail: str = "",
) -> Ending:
    return Ending(exit_code, ended_by, out_of_memory, message, seconds, detail)


def an_attempt(
    index: int = 0,
    attempt: int = 0,
    *,
    started: float = 0.0,
    ending: Ending | None = None,
    wait: Wait | None = None,
    place: Place | None = None,
) -> Attempt:
    return Attempt(index, attempt, at(started), ending, wait=wait, place=place)


def a_wait(
    kind: WaitKind = WaitKind.UNSCHEDULABLE, message: str = "no node", since: float = 0.0
) -> Wait:
    return Wait(kind, message, at(since))


def a_place(pod: str = "tune-0-0", **fields: Any) -> Place:
    """Where an attempt's Pod is; by default it has a node."""
    return Place(pod, **{"node": "node-1", **fields})


def a_world(
    tuning: DeploymentTuning | None = None,
    trials: Sequence[TuningTrial] = (),
    attempts: Sequence[Attempt] = (),
    *,
    now: float = 100.0,
    resumed: float = 0.0,
    **fields: Any,
) -> World:
    tuning = tuning or a_tuning()
    return World(
        tuning=tuning,
        trials=tuple(trials),
        attempts=tuple(attempts),
        now=at(now),
        parallel_trials=tuning.spec.parallel_trials,
        resumed_at=at(resumed),
        **fields,
    )
