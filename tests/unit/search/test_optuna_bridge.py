from __future__ import annotations

import logging
import math
import sys
from dataclasses import replace
from random import Random

import pytest
from search_builders import (
    a_choice,
    a_finished,
    a_float,
    a_history,
    a_problem,
    a_small_space,
    an_integer,
    play,
)

from deploytune.contract.errors import InvalidTuningError, MachineError
from deploytune.contract.outcomes import OutcomeKind
from deploytune.search.history import FinishedTrial, InFlight, Knowledge
from deploytune.search.problem import Algorithm, Problem
from deploytune.search.proposing import next_proposal
from deploytune.search.space import Scale, Space
from deploytune.search.strategies import strategy_for

TPE = Algorithm("TPE", seed=5)
LINE = Space((an_integer("x", 0, 1000),))


def proposed(problem: Problem, knowledge: Knowledge, count: int = 20) -> list[int]:
    first = len(knowledge.finished)
    proposals = [next_proposal(problem, knowledge, first + place) for place in range(count)]
    return [int(proposal.parameters["x"]) for proposal in proposals if proposal is not None]


def a_line(outcome_above: OutcomeKind, limit: int = 300) -> tuple[FinishedTrial, ...]:
    """Trials along the line: the objective grows with x, above the limit something is wrong."""
    rng = Random(1)
    trials = []
    for index, x in enumerate(rng.sample(range(1001), 40)):
        outcome = OutcomeKind.FEASIBLE if x <= limit else outcome_above
        metrics = {"latency_ms": x * 10 / limit, "throughput": float(x)}
        told = metrics if outcome in (OutcomeKind.FEASIBLE, OutcomeKind.INFEASIBLE) else {}
        trials.append(FinishedTrial(index, {"x": x}, outcome, told))
    return tuple(trials)


@pytest.mark.parametrize(
    "outcome",
    [OutcomeKind.INFEASIBLE, OutcomeKind.CRASHED, OutcomeKind.TIMED_OUT, OutcomeKind.INVALID],
)
def test_tpe_keeps_inside_the_limits_however_good_the_objective_beyond(
    outcome: OutcomeKind,
) -> None:
    xs = proposed(a_problem(LINE, algorithm=TPE), Knowledge(a_line(outcome)))
    assert sum(150 <= x <= 320 for x in xs) >= 14


def test_tpe_prefers_small_violations_to_crashes_while_nothing_is_feasible() -> None:
    rng = Random(2)
    trials = tuple(
        FinishedTrial(index, {"x": x}, OutcomeKind.CRASHED)
        if x < 500
        else FinishedTrial(index, {"x": x}, OutcomeKind.INFEASIBLE, {"latency_ms": 1e6 - x})
        for index, x in enumerate(rng.sample(range(1001), 40))
    )
    xs = proposed(a_problem(LINE, algorithm=TPE), Knowledge(trials))
    assert sum(x >= 500 for x in xs) >= 15


def test_tpe_keeps_away_from_trials_in_flight() -> None:
    problem = a_problem(LINE, algorithm=TPE)
    finished = a_line(OutcomeKind.CRASHED)
    alone = proposed(problem, Knowledge(finished))
    in_flight = tuple(InFlight(100 + x, {"x": x}) for x in range(225, 326, 5))
    crowded = proposed(problem, Knowledge(finished, in_flight))
    inside = [sum(225 <= x <= 325 for x in xs) for xs in (alone, crowded)]
    assert inside[1] < inside[0]


def test_tpe_learns_the_numbers_of_a_branch_that_is_not_always_active() -> None:
    """Without groups, conditional parameters would be sampled one by one."""
    space = Space(
        (
            a_choice("backend", "a", "b"),
            a_float("share", 0, 1),
            an_integer("threads", 1, 1000, when={"backend": ("a",)}),
        )
    )
    rng = Random(3)
    finished = []
    for index in range(60):
        parameters = space.sample(rng)
        assert parameters is not None
        good = parameters["backend"] == "a" and abs(int(parameters["threads"]) - 700) < 150
        throughput = 100.0 if good else 1.0
        finished.append(a_finished(index, parameters, latency_ms=1, throughput=throughput))
    problem = a_problem(space, algorithm=TPE)
    proposals = [
        next_proposal(problem, Knowledge(tuple(finished)), 60 + place) for place in range(20)
    ]
    threads = [int(p.parameters.get("threads", 0)) for p in proposals if p is not None]
    assert sum(500 < count < 900 for count in threads) >= 12


def test_another_index_gives_another_proposal_from_the_same_history() -> None:
    problem = a_problem(algorithm=TPE)
    history = a_history(problem, 20)
    keys = set()
    for index in range(20, 24):
        proposal = next_proposal(problem, history, index)
        assert proposal is not None
        keys.add(problem.space.key(proposal.parameters))
    assert len(keys) == 4


def test_tpe_beats_random_on_average() -> None:
    """Mean of the best feasible objective over ten seeds, 40 trials."""
    space = Space(
        (
            a_choice("backend", "a", "b", "c"),
            a_choice("precision", "fp32", "fp16", "int8"),
            a_float("x", 0, 1),
            a_float("y", 0.001, 1, scale=Scale.LOG),
        ),
        ({"backend": "c", "precision": "int8"},),
    )

    def best(algorithm: Algorithm) -> float:
        problem = a_problem(space, algorithm=algorithm)
        finished: tuple[FinishedTrial, ...] = ()
        for index in range(40):
            proposal = next_proposal(problem, Knowledge(finished), index)
            assert proposal is not None
            finished = (*finished, _constrained(index, proposal.parameters))
        return max(trial.metrics["throughput"] for trial in finished if trial.is_feasible)

    seeds = range(10)
    tpe = sum(best(Algorithm("TPE", seed=seed)) for seed in seeds) / 10
    random = sum(best(Algorithm("Random", seed=seed)) for seed in seeds) / 10
    assert tpe > random + 0.1


def _constrained(index: int, parameters: object) -> FinishedTrial:
    assert isinstance(parameters, dict)
    if (parameters["backend"], parameters["precision"]) == ("a", "fp16"):
        return a_finished(index, parameters, OutcomeKind.CRASHED)
    x, y = parameters["x"], parameters["y"]
    latency = 4 + 8 * x + (2 if parameters["precision"] == "fp32" else 0)
    bonus = {"a": 0.0, "b": 1.0, "c": 0.5}[parameters["backend"]]
    throughput = bonus + 2 * x - abs(3 + math.log10(y))
    outcome = OutcomeKind.FEASIBLE if latency <= 10 else OutcomeKind.INFEASIBLE
    return a_finished(index, parameters, outcome, latency_ms=latency, throughput=throughput)


def test_a_quasi_random_sequence_goes_on_instead_of_repeating_itself() -> None:
    pytest.importorskip("scipy", reason="QMCSampler needs scipy")
    square = Space((a_float("x", 0, 1), a_float("y", 0, 1)))
    problem = a_problem(square, algorithm=Algorithm("Optuna", sampler="QMCSampler"))
    proposals = play(problem, 17)
    quadrants = [(p.parameters["x"] < 0.5, p.parameters["y"] < 0.5) for p in proposals[1:]]  # type: ignore[operator]
    assert {proposal.strategy for proposal in proposals} == {"Optuna"}
    assert all(quadrants.count(quadrant) == 4 for quadrant in set(quadrants))


def test_brute_force_tries_a_finite_space_to_the_last() -> None:
    algorithm = Algorithm("Optuna", sampler="BruteForceSampler")
    assert len(play(a_problem(a_small_space(), algorithm=algorithm), 50)) == 10


@pytest.mark.torch
def test_optunas_gaussian_process_proposes() -> None:
    pytest.importorskip("scipy", reason="GPSampler needs scipy")
    problem = a_problem(algorithm=Algorithm("Optuna", sampler="GPSampler"))
    history = a_history(problem, 15)
    first, again = (next_proposal(problem, history, 15) for _ in range(2))
    assert first is not None
    assert problem.space.is_valid(first.parameters)
    assert first == again


def test_a_sampler_that_cannot_search_the_space_is_refused_in_one_line() -> None:
    problem = a_problem(algorithm=Algorithm("Optuna", sampler="BruteForceSampler"))
    with pytest.raises(InvalidTuningError, match=r"^algorithm: cannot search this space: .*step"):
        next_proposal(problem, Knowledge(), 0)


@pytest.mark.parametrize(
    ("algorithm", "package"),
    [
        (TPE, "optuna"),
        (Algorithm("TBA", preset="Paper"), "optuna"),
        (Algorithm("Optuna", sampler="CmaEsSampler"), "cmaes"),
        (Algorithm("Optuna", sampler="GPSampler"), "torch"),
    ],
)
def test_a_missing_package_is_named_before_anything_is_tried(
    algorithm: Algorithm, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("scipy", reason="GPSampler needs scipy first")
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MachineError, match=f"needs the package {package}, which is not installed"):
        strategy_for(algorithm)


def test_optuna_logs_nothing_and_its_own_level_is_left_as_it_was(
    capfd: pytest.CaptureFixture[str],
) -> None:
    import optuna

    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(logging.DEBUG)
    play(a_problem(algorithm=TPE), 12)
    assert optuna.logging.get_verbosity() == logging.DEBUG
    optuna.logging.set_verbosity(before)
    assert capfd.readouterr() == ("", "")


def test_a_history_of_other_spellings_is_told_as_the_space_writes_it() -> None:
    space = Space((a_float("x", 0, 2), a_choice("batch", 1, 8)))
    finished = tuple(
        a_finished(index, {"x": 1, "batch": 8.0}, latency_ms=1, throughput=1) for index in range(12)
    )
    problem = a_problem(space, algorithm=replace(TPE, seed=9))
    assert next_proposal(problem, Knowledge(finished), 12) is not None
