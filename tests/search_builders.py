"""Search problems and histories for tests, and a synthetic function with limits and crashes."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace

from deploytune.contract.limits import Limit
from deploytune.contract.metrics import Direction
from deploytune.contract.models import Scalar
from deploytune.contract.outcomes import OutcomeKind
from deploytune.search.history import FinishedTrial, InFlight, Knowledge
from deploytune.search.parameters import Parameter, ParameterType, Scale
from deploytune.search.problem import Algorithm, Constraint, Objective, Problem
from deploytune.search.proposals import Proposal
from deploytune.search.proposing import next_proposal
from deploytune.search.space import Space

OBJECTIVE = "throughput"
LATENCY = "latency_ms"

PLUG_INS = tuple(filter(None, os.environ.get("DEPLOYTUNE_TEST_STRATEGY", "").split(",")))
"""Strategies of installed packages that are to be held against the contract too."""

EVERY_STRATEGY = {
    "TBA": Algorithm("TBA", seed=3),
    "TBA as published": Algorithm("TBA", preset="Paper", seed=3),
    "TPE": Algorithm("TPE", seed=3),
    "TPE, one parameter at a time": Algorithm("TPE", {"multivariate": False}, seed=3),
    "Random": Algorithm("Random", seed=3),
    "Grid": Algorithm("Grid", seed=3),
    "Optuna, a sampler of the trials alone": Algorithm("Optuna", sampler="RandomSampler", seed=3),
    "Optuna, a sampler with a state": Algorithm(
        "Optuna", {"population_size": 8}, seed=3, sampler="NSGAIISampler"
    ),
    **{name: Algorithm(name, seed=3) for name in PLUG_INS},
}


def a_choice(
    name: str,
    *values: Scalar,
    when: Mapping[str, tuple[Scalar, ...]] | None = None,
    default: Scalar | None = None,
) -> Parameter:
    return Parameter(
        name, ParameterType.CATEGORICAL, values=values, when=when or {}, default=default
    )


def an_integer(
    name: str,
    minimum: float,
    maximum: float,
    *,
    step: float | None = None,
    scale: Scale = Scale.LINEAR,
    when: Mapping[str, tuple[Scalar, ...]] | None = None,
    default: Scalar | None = None,
) -> Parameter:
    return Parameter(
        name,
        ParameterType.INTEGER,
        minimum=minimum,
        maximum=maximum,
        step=step,
        scale=scale,
        when=when or {},
        default=default,
    )


def a_float(
    name: str,
    minimum: float,
    maximum: float,
    *,
    step: float | None = None,
    scale: Scale = Scale.LINEAR,
    default: Scalar | None = None,
) -> Parameter:
    return Parameter(
        name,
        ParameterType.FLOAT,
        minimum=minimum,
        maximum=maximum,
        step=step,
        scale=scale,
        default=default,
    )


def a_flag(name: str, *, default: bool | None = None) -> Parameter:
    return Parameter(name, ParameterType.BOOLEAN, default=default)


def a_mixed_space() -> Space:
    """Every type of parameter, a condition on a condition, an exclusion; a continuum."""
    return Space(
        (
            a_choice("backend", "onnxruntime", "pytorch"),
            a_choice("precision", "fp32", "fp16", "int8"),
            a_choice("calibration", "MinMax", "Entropy", when={"precision": ("int8",)}),
            an_integer("samples", 1, 100, scale=Scale.LOG, when={"calibration": ("Entropy",)}),
            an_integer("threads", 1, 8, when={"backend": ("onnxruntime",)}),
            a_choice("batch", 1, 8, 32),
            a_float("delay", 0.001, 1, scale=Scale.LOG),
            a_flag("pinned"),
        ),
        exclude=({"backend": "pytorch", "precision": "int8"},),
    )


def a_small_space() -> Space:
    """Ten configurations: conditional and with an exclusion."""
    return Space(
        (
            a_choice("backend", "onnxruntime", "pytorch"),
            an_integer("threads", 1, 4, when={"backend": ("onnxruntime",)}),
            a_choice("batch", 1, 8),
            a_flag("pinned"),
        ),
        exclude=(
            {"backend": "onnxruntime", "pinned": True},
            {"backend": "pytorch", "batch": 8, "pinned": True},
            {"backend": "pytorch", "batch": 8, "pinned": False},
        ),
    )


def a_problem(
    space: Space | None = None,
    *,
    algorithm: Algorithm | None = None,
    limits: tuple[Limit, ...] = (Limit(metric=LATENCY, max=10),),
    max_trials: int = 1000,
    initial: tuple[Mapping[str, Scalar], ...] = (),
) -> Problem:
    return Problem(
        space=space or a_mixed_space(),
        objective=Objective(OBJECTIVE, Direction.MAXIMIZE),
        constraints=tuple(Constraint(limit, 1.0) for limit in limits),
        max_trials=max_trials,
        algorithm=algorithm or Algorithm("Random"),
        initial=initial,
    )


def a_finished(
    index: int = 0,
    parameters: Mapping[str, Scalar] | None = None,
    outcome: OutcomeKind = OutcomeKind.FEASIBLE,
    **metrics: float,
) -> FinishedTrial:
    return FinishedTrial(index, parameters or {}, outcome, metrics)


def try_it(index: int, parameters: Mapping[str, Scalar]) -> FinishedTrial:
    """Return how a configuration ends: a pure function with every outcome that is told."""
    if parameters.get("precision") == "int8" and parameters.get("calibration") == "Entropy":
        return FinishedTrial(index, parameters, OutcomeKind.TIMED_OUT)
    if parameters.get("backend") == "pytorch" and parameters.get("precision") == "fp16":
        return FinishedTrial(index, parameters, OutcomeKind.CRASHED)
    batch, threads = parameters.get("batch", 1), parameters.get("threads", 2)
    delay = parameters.get("delay", 0.01)
    assert isinstance(batch, int)
    assert isinstance(threads, int)
    assert isinstance(delay, float)
    slow = 2.0 if parameters.get("precision") == "fp32" else 1.0
    latency = slow * (2 + batch / 2) / threads**0.5 + 10 * delay
    throughput = batch * threads / (1 + delay)
    if parameters.get("pinned") and batch == 1:
        return FinishedTrial(index, parameters, OutcomeKind.INVALID)
    outcome = OutcomeKind.FEASIBLE if latency <= 10 else OutcomeKind.INFEASIBLE
    return FinishedTrial(index, parameters, outcome, {LATENCY: latency, OBJECTIVE: throughput})


def play(problem: Problem, trials: int, in_flight: int = 1) -> list[Proposal]:
    """Run the search against `try_it`, the oldest trial in flight ending first."""
    knowledge = Knowledge()
    proposals: list[Proposal] = []
    while len(proposals) < trials:
        proposal = next_proposal(problem, knowledge, len(proposals))
        if proposal is not None:
            flying = InFlight(len(proposals), proposal.parameters)
            knowledge = replace(knowledge, in_flight=(*knowledge.in_flight, flying))
            proposals.append(proposal)
        if proposal is None and not knowledge.in_flight:
            break
        if proposal is None or len(knowledge.in_flight) == in_flight:
            knowledge = with_one_ended(knowledge)
    return proposals


def with_one_ended(knowledge: Knowledge) -> Knowledge:
    """Return the knowledge after the oldest trial in flight has ended."""
    first, *others = knowledge.in_flight
    ended = try_it(first.index, first.parameters)
    return replace(knowledge, finished=(*knowledge.finished, ended), in_flight=tuple(others))


def a_history(problem: Problem, trials: int) -> Knowledge:
    """Return what is known after that many random trials."""
    random = replace(problem, algorithm=Algorithm("Random", seed=99))
    proposals = play(random, trials)
    return Knowledge(
        tuple(try_it(index, proposal.parameters) for index, proposal in enumerate(proposals))
    )
