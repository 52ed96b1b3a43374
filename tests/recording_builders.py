"""A small space to record, its lines and its results, for tests of recordings and their tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from search_builders import a_choice

from deploytune.bench.recording.circumstances import Circumstances
from deploytune.bench.recording.lines import Heading, Line, Results
from deploytune.bench.recording.rounds import Role, Rounds
from deploytune.contract.limits import Limit
from deploytune.contract.models import Scalar
from deploytune.contract.outcomes import Cause, OutcomeKind
from deploytune.contract.stages import Stage
from deploytune.search.space import Space

P95, P50, MEAN = (f"latency_{name}_ms@steady" for name in ("p95", "p50", "mean"))
MEMORY, ACCURACY = "server_memory_mib", "accuracy"
P95_LIMIT, MEMORY_LIMIT = 20.0, 300.0
SPACE = Space((a_choice("model", "small", "large"), a_choice("instances", 1, 2)))
LIMITS = (Limit(metric=P95, max=P95_LIMIT), Limit(metric=MEMORY, max=MEMORY_LIMIT))
ANCHOR: dict[str, Scalar] = {"model": "small", "instances": 1}
EVERY = tuple(SPACE.configurations())


def the_rounds(**changes: Any) -> Rounds:
    return Rounds(**{"space": SPACE, "limits": LIMITS, "anchor": ANCHOR, "seed": 0, **changes})


def a_line(
    parameters: Mapping[str, Scalar] | None = None,
    outcome: OutcomeKind = OutcomeKind.FEASIBLE,
    *,
    role: Role = Role.CONFIGURATION,
    p95: float | None = 5.0,
    p50: float = 2.0,
    memory: float = 100.0,
    accuracy: float = 0.9,
    cause: Cause | None = None,
    stage: Stage | None = Stage.REPORT,
    seconds: float = 6.0,
    ended: float = 0.0,
) -> Line:
    """A trial that ended; without a `p95` it was not measured."""
    metrics = {P95: p95, P50: p50, MEAN: p50, MEMORY: memory, ACCURACY: accuracy}
    ran = outcome in (OutcomeKind.FEASIBLE, OutcomeKind.INFEASIBLE, OutcomeKind.INVALID)
    return Line(
        role=role,
        parameters=dict(ANCHOR if parameters is None else parameters),
        outcome=outcome,
        metrics={k: v for k, v in metrics.items() if v is not None} if ran else {},
        cause=cause,
        stage=stage,
        seconds=seconds,
        ended=ended,
        facts={"tritonVersion": "2.51.0"} if ran else {},
    )


def an_anchor(p50: float = 2.0, ended: float = 0.0) -> Line:
    return a_line(role=Role.ANCHOR, p50=p50, ended=ended)


def a_crash(parameters: Mapping[str, Scalar], ended: float = 0.0) -> Line:
    return a_line(
        parameters,
        OutcomeKind.CRASHED,
        cause=Cause.OUT_OF_MEMORY,
        stage=Stage.BUILD,
        seconds=3.0,
        ended=ended,
    )


def a_heading(seed: int = 0, cores: int = 2) -> Heading:
    parameters = [
        {"name": p.name, "type": p.type.value, "values": list(p.values)} for p in SPACE.parameters
    ]
    question = {
        "objectives": [{"metric": ACCURACY, "direction": "Maximize"}],
        "constraints": [
            {"metric": "latency_p95_ms", "load": "steady", "max": P95_LIMIT},
            {"metric": MEMORY, "max": MEMORY_LIMIT},
        ],
        "searchSpace": {"parameters": parameters},
    }
    machine = Circumstances("a toaster", cores, 1.0, "Linux x86_64", {"python": "3.11.7"})
    return Heading(question, ANCHOR, seed, machine)


def the_results(lines: Sequence[Line]) -> Results:
    return Results(Path("nowhere.jsonl"), a_heading(), lines)


def a_recording() -> list[Line]:
    """Every configuration measured once between two anchors."""
    between = [a_line(one, ended=10.0 * place) for place, one in enumerate(EVERY, 1)]
    return [an_anchor(ended=0.0), *between, an_anchor(ended=100.0)]
