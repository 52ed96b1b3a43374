"""One contract for all strategies.

Those of installed packages that DEPLOYTUNE_TEST_STRATEGY names, separated by commas, are held
against it too (operator/docs/strategies.md).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from search_builders import (
    EVERY_STRATEGY,
    LATENCY,
    OBJECTIVE,
    PLUG_INS,
    a_choice,
    a_finished,
    a_history,
    a_problem,
    a_small_space,
    play,
)

from deploytune.contract.limits import Limit
from deploytune.contract.models import Scalar
from deploytune.contract.outcomes import OutcomeKind
from deploytune.search.history import InFlight, Knowledge
from deploytune.search.problem import Algorithm, Problem
from deploytune.search.proposing import next_proposal
from deploytune.search.space import Space
from deploytune.search.strategies import STRATEGIES

TESTS = Path(__file__).parents[1]
OPERATOR = TESTS.parent / "operator"


@pytest.fixture(params=list(EVERY_STRATEGY.values()), ids=list(EVERY_STRATEGY))
def algorithm(request: pytest.FixtureRequest) -> Algorithm:
    chosen: Algorithm = request.param
    return chosen


def keys_of(problem: Problem, trials: int, in_flight: int = 1) -> list[object]:
    proposals = play(problem, trials, in_flight)
    return [problem.space.key(proposal.parameters) for proposal in proposals]


def test_the_suite_covers_every_strategy() -> None:
    names = {algorithm.name for algorithm in EVERY_STRATEGY.values()}
    assert {*STRATEGIES, *PLUG_INS} == names


@pytest.mark.parametrize("in_flight", [1, 4], ids=["one at a time", "four in flight"])
def test_every_proposal_is_in_range_and_keeps_conditions_and_exclusions(
    algorithm: Algorithm, in_flight: int
) -> None:
    problem = a_problem(algorithm=algorithm)
    proposals = play(problem, 30, in_flight)
    assert len(proposals) == 30
    assert [p.parameters for p in proposals if problem.space.broken_rule(p.parameters)] == []


def test_every_proposal_says_who_made_it_and_why_in_plain_values(algorithm: Algorithm) -> None:
    for proposal in play(a_problem(algorithm=algorithm), 20):
        assert proposal.strategy in {algorithm.name, "Untried"}
        assert proposal.search_stage in {"Exploring", "Exploiting"}
        json.dumps(dict(proposal.why))


def test_no_configuration_is_proposed_twice(algorithm: Algorithm) -> None:
    keys = keys_of(a_problem(algorithm=algorithm), 40, in_flight=3)
    assert len(set(keys)) == 40


def test_parallel_proposals_are_distinct_before_anything_has_ended(algorithm: Algorithm) -> None:
    keys = keys_of(a_problem(algorithm=algorithm), 12, in_flight=12)
    assert len(set(keys)) == 12


def test_a_replay_gives_the_same_proposals(algorithm: Algorithm) -> None:
    problem = a_problem(algorithm=algorithm)
    assert play(problem, 25, in_flight=2) == play(problem, 25, in_flight=2)


def test_another_seed_gives_other_proposals_except_of_a_grid(algorithm: Algorithm) -> None:
    other = replace(algorithm, seed=4)
    keys, other_keys = (keys_of(a_problem(algorithm=seeded), 5) for seeded in (algorithm, other))
    assert (keys == other_keys) is (algorithm.name == "Grid")


def test_a_finite_space_is_tried_to_the_last_configuration_and_then_ends(
    algorithm: Algorithm,
) -> None:
    problem = a_problem(a_small_space(), algorithm=algorithm)
    keys = keys_of(problem, 100)
    assert {problem.space.key(c) for c in problem.space.configurations()} == set(keys)
    assert len(keys) == 10


def test_configurations_in_flight_and_abandoned_are_not_proposed(algorithm: Algorithm) -> None:
    problem = a_problem(a_small_space(), algorithm=algorithm)
    *some, last = problem.space.configurations()
    knowledge = Knowledge(
        finished=(a_finished(0, some[0], latency_ms=1.0, throughput=1.0),),
        in_flight=(InFlight(1, some[1]), InFlight(2, some[2])),
        abandoned=tuple(some[3:]),
    )
    proposal = next_proposal(problem, knowledge, 3)
    assert proposal is not None
    assert last == proposal.parameters


def test_a_space_of_one_configuration_is_tried_once(algorithm: Algorithm) -> None:
    space = Space((a_choice("backend", "onnxruntime"),))
    proposals = play(a_problem(space, algorithm=algorithm), 5)
    assert [p.parameters for p in proposals] == [{"backend": "onnxruntime"}]


def test_a_parameter_of_one_value_does_not_stop_the_search(algorithm: Algorithm) -> None:
    space = Space((a_choice("backend", "onnxruntime"), a_choice("batch", *range(30))))
    assert len(play(a_problem(space, algorithm=algorithm), 25)) == 25


@pytest.mark.parametrize(
    "limits",
    [
        pytest.param((), id="no limits"),
        pytest.param((Limit(metric=LATENCY, max=1e9),), id="a limit that never fails"),
        pytest.param((Limit(metric=LATENCY, max=0),), id="a limit of zero"),
        pytest.param((Limit(metric=OBJECTIVE, min=0),), id="a limit of zero from below"),
        pytest.param((Limit(metric="accuracy", min=0.9),), id="a metric that is never measured"),
    ],
)
def test_any_limits_can_be_searched_under(algorithm: Algorithm, limits: tuple[Limit, ...]) -> None:
    assert len(play(a_problem(algorithm=algorithm, limits=limits), 20)) == 20


@pytest.mark.parametrize(
    ("outcome", "metrics"),
    [
        pytest.param(OutcomeKind.CRASHED, {}, id="every trial crashes"),
        pytest.param(OutcomeKind.INFEASIBLE, {}, id="infeasible with no metric"),
        pytest.param(OutcomeKind.FEASIBLE, {LATENCY: 5.0, OBJECTIVE: 7.0}, id="constant metrics"),
        pytest.param(OutcomeKind.FEASIBLE, {LATENCY: -5.0, OBJECTIVE: -7.0}, id="below zero"),
        pytest.param(OutcomeKind.FEASIBLE, {LATENCY: 5.0}, id="feasible with no objective"),
    ],
)
def test_any_history_can_be_learnt_from(
    algorithm: Algorithm, outcome: OutcomeKind, metrics: dict[str, float]
) -> None:
    problem = a_problem(algorithm=algorithm)
    finished = tuple(
        a_finished(trial.index, trial.parameters, outcome, **metrics)
        for trial in a_history(problem, 20).finished
    )
    assert next_proposal(problem, Knowledge(finished), 20) is not None


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({"backend": "tensorrt"}, id="a value that was taken out"),
        pytest.param({"graphs": True}, id="a parameter that was taken out"),
    ],
)
def test_a_history_of_another_space_is_no_hindrance(
    algorithm: Algorithm, changed: dict[str, Scalar]
) -> None:
    problem = a_problem(algorithm=algorithm)
    history = a_history(problem, 20).finished
    foreign = (replace(t, parameters={**t.parameters, **changed}) for t in history[:10])
    proposal = next_proposal(problem, Knowledge((*foreign, *history[10:])), 20)
    assert proposal is not None
    assert problem.space.is_valid(proposal.parameters)


def test_another_process_proposes_the_same() -> None:
    first, second = (_proposals_of_a_process(hash_seed) for hash_seed in ("1", "2"))
    assert len(first) == 3 * len(EVERY_STRATEGY)
    assert first == second


def _proposals_of_a_process(hash_seed: str) -> dict[str, object]:
    program = TESTS / "strategies" / "proposals_as_json.py"
    paths = [str(OPERATOR), str(TESTS), *filter(None, [os.environ.get("PYTHONPATH")])]
    done = subprocess.run(
        [sys.executable, str(program)],
        env={**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": os.pathsep.join(paths)},
        capture_output=True,
        text=True,
        check=True,
        timeout=100,
    )
    proposals: dict[str, object] = json.loads(done.stdout)
    return proposals
