from __future__ import annotations

import math

import pytest
from search_builders import a_finished, a_mixed_space, a_problem

from deploytune.bench.search.peers import PEERS, peer_named
from deploytune.bench.search.peers.installed import check_installed
from deploytune.bench.search.peers.penalties import penalised
from deploytune.bench.search.problems import BenchProblem
from deploytune.bench.search.published import crashy_branin, hierarchical_rosenbrock
from deploytune.contract.errors import InvalidTuningError, MachineError
from deploytune.contract.outcomes import OutcomeKind
from deploytune.search.history import FinishedTrial, Parameters

_NATIVE = ("optuna-tpe", "optuna-tpe-group", "optuna-gp", "optuna-nsga2", "smac", "hyperopt")
# What these packages warn about is not ours.
quiet = pytest.mark.filterwarnings("ignore")


def asked_of(name: str, bench: BenchProblem, count: int = 6) -> list[Parameters]:
    """Ask a peer, four in flight, the oldest crashing or measured in turn."""
    peer = peer_named(name)
    try:
        peer.check()
    except MachineError as error:
        pytest.skip(str(error))
    session = peer.start(bench, 24, 5)
    asked: list[Parameters] = []
    for index in range(count):
        if index >= 4:
            old = index - 4
            session.tell(ended(bench, old, asked[old]))
        parameters = session.ask(index)
        assert parameters is not None
        asked.append(parameters)
    return asked


def ended(bench: BenchProblem, index: int, parameters: Parameters) -> FinishedTrial:
    if index % 2:
        return FinishedTrial(index, parameters, OutcomeKind.CRASHED, {}, 1.0)
    metrics = {"value": -3.0, **{c.limit.metric: -1.0 for c in bench.problem.constraints}}
    return FinishedTrial(index, parameters, OutcomeKind.FEASIBLE, metrics, 2.0)


@quiet
@pytest.mark.parametrize("name", _NATIVE)
def test_a_peer_proposes_valid_configurations_of_a_conditional_space(name: str) -> None:
    bench = hierarchical_rosenbrock(0)
    asked = asked_of(name, bench)
    assert all(bench.problem.space.is_valid(parameters) for parameters in asked)
    assert 1 < len({bench.problem.space.key(parameters) for parameters in asked})


@quiet
@pytest.mark.parametrize("name", _NATIVE)
def test_a_peer_repeats_itself_with_the_same_seed(name: str) -> None:
    bench = crashy_branin(0)
    assert asked_of(name, bench, 5) == asked_of(name, bench, 5)


@quiet
@pytest.mark.parametrize("name", ["optuna-tpe-group", "smac", "hyperopt"])
def test_a_peer_takes_every_type_of_parameter(name: str) -> None:
    problem = a_problem(a_mixed_space())
    bench = BenchProblem("mixed", 0, problem, None, crashy_branin(0).system, None, 0.0)
    for parameters in asked_of(name, bench, 4):
        broken = problem.space.broken_rule(parameters)
        assert broken is None or "excluded" in broken.rule


def test_a_peer_that_is_not_installed_says_which_package_it_needs() -> None:
    with pytest.raises(MachineError, match=r"vizier needs the package no_such_package.*\[bench\]"):
        check_installed("vizier", "json", "no_such_package")


def test_a_peer_that_there_is_not_is_named() -> None:
    with pytest.raises(InvalidTuningError, match=r"must be among random, .* got 'katib'"):
        peer_named("katib")


def test_the_issue_names_these_peers() -> None:
    assert {"random", "tpe", "tba-paper", "tba", "oracle", *_NATIVE} == PEERS.keys()


def test_one_number_ranks_feasible_before_infeasible_before_crashed() -> None:
    problem = a_problem()
    good = a_finished(0, throughput=900.0, latency_ms=5.0)
    worse = a_finished(1, throughput=90.0, latency_ms=5.0)
    near = a_finished(2, None, OutcomeKind.INFEASIBLE, throughput=9000.0, latency_ms=11.0)
    far = a_finished(3, None, OutcomeKind.INFEASIBLE, throughput=9000.0, latency_ms=90.0)
    crashed = a_finished(4, None, OutcomeKind.CRASHED)
    numbers = [penalised(problem, trial) for trial in (good, worse, near, far, crashed)]
    assert sorted(numbers) == numbers
    assert numbers[0] == pytest.approx(-math.asinh(900))
    assert numbers[4] == 2.0


def test_a_loss_of_any_size_ranks_before_a_failure() -> None:
    problem = hierarchical_rosenbrock(0).problem
    feasible = a_finished(0, None, value=-1e6, sum=-1.0)
    near = a_finished(1, None, OutcomeKind.INFEASIBLE, value=-1.0, sum=0.1)
    assert penalised(problem, feasible) < penalised(problem, near)
