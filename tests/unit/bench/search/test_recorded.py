"""A real table as a problem: its repeats are drawn, its medians are the truth, it has no gaps."""

from __future__ import annotations

import math
import re
from collections import Counter
from dataclasses import replace
from importlib.resources import files
from random import Random

import pytest
from recorded_builders import (
    ONE_CHOICE,
    SMALL,
    a_contest,
    a_system,
    a_table,
    failed,
    measured,
)
from recording_builders import ACCURACY, LIMITS, MEMORY, P50, P95, P95_LIMIT

from deploytune.bench.search.problems import BenchProblem
from deploytune.bench.search.recorded.scenarios import draw_scenario
from deploytune.bench.search.recorded.table import Measurement, Table, parse_table, read_table
from deploytune.bench.search.runs import Plan, run
from deploytune.contract.errors import InvalidTuningError, MachineError
from deploytune.contract.limits import Limit
from deploytune.contract.metrics import Direction
from deploytune.contract.outcomes import OutcomeKind

TIGHT = (Limit(metric=P95, max=4.0),)


def test_a_trial_is_one_of_the_measurements_of_its_configuration() -> None:
    system = a_system([measured(4.0), measured(5.0), failed()])
    endings = [system.outcome(SMALL, Random(seed)) for seed in range(300)]
    drawn = Counter(ending.metrics.get(P95) for ending in endings)
    assert {4.0, 5.0, None} == drawn.keys()
    assert all(count > 60 for count in drawn.values())
    assert {6.0, 2.0} == {ending.seconds for ending in endings}


def test_the_same_chance_draws_the_same_measurement() -> None:
    system = a_system([measured(float(p95)) for p95 in range(1, 10)])
    first, again = ([system.outcome(SMALL, Random(7)) for _ in range(2)] for _ in range(2))
    assert first == again


def test_a_measurement_is_judged_by_the_limits_of_the_problem() -> None:
    """It was feasible where it was recorded, under a limit of 20 ms."""
    one = [measured(5.0)]
    assert OutcomeKind.FEASIBLE is a_system(one).outcome(SMALL, Random(0)).kind
    tight = a_system(one, limits=TIGHT).outcome(SMALL, Random(0))
    assert (OutcomeKind.INFEASIBLE, 5.0) == (tight.kind, tight.metrics[P95])


@pytest.mark.parametrize("kind", [OutcomeKind.CRASHED, OutcomeKind.TIMED_OUT, OutcomeKind.INVALID])
def test_a_failure_stays_the_failure_that_it_was(kind: OutcomeKind) -> None:
    assert kind is a_system([failed(kind)]).outcome(SMALL, Random(0)).kind


def test_a_limit_or_objective_that_was_not_measured_is_not_met() -> None:
    """A trial that was aborted early shows some of its metrics."""
    aborted = Measurement(OutcomeKind.INFEASIBLE, {ACCURACY: 0.9, MEMORY: 100.0}, 3.0)
    system = a_system([aborted])
    assert OutcomeKind.INFEASIBLE is system.outcome(SMALL, Random(0)).kind
    assert not system.truth(SMALL).feasible


LOW, HIGH = measured(P95_LIMIT - 1, accuracy=0.8), measured(P95_LIMIT + 1, accuracy=0.9)


@pytest.mark.parametrize(
    ("repeats", "feasible"),
    [
        pytest.param([LOW, LOW, HIGH], True, id="the median keeps the limit"),
        pytest.param([LOW, HIGH, HIGH], False, id="the median misses the limit"),
        pytest.param([LOW, LOW, failed()], True, id="most runs came to a measurement"),
        pytest.param([LOW, failed()], False, id="every other run fails"),
        pytest.param([LOW, failed(OutcomeKind.INVALID)], True, id="one was no measurement"),
        pytest.param([failed(OutcomeKind.INVALID)], False, id="nothing was a measurement"),
        pytest.param([failed()], False, id="it crashes"),
    ],
)
def test_what_is_true_is_the_median_of_what_was_measured(
    repeats: list[Measurement], *, feasible: bool
) -> None:
    assert feasible is a_system(repeats).truth(SMALL).feasible


def test_the_loss_is_that_of_the_median_and_a_logarithm_for_latencies() -> None:
    repeats = [measured(4.0, accuracy=0.7), measured(8.0, accuracy=0.8), measured(9.0)]
    assert -0.8 == a_system(repeats).truth(SMALL).loss
    fast = a_system(repeats, objective=P95, direction=Direction.MINIMIZE)
    assert math.log(8.0) == fast.truth(SMALL).loss


def test_a_table_with_a_gap_is_refused() -> None:
    with pytest.raises(InvalidTuningError, match=r"must hold every configuration .*'large'"):
        Table(ONE_CHOICE, LIMITS, {ONE_CHOICE.key(SMALL): (measured(),)})


def test_a_configuration_outside_the_space_has_no_outcome() -> None:
    with pytest.raises(InvalidTuningError, match="must be one of small, large, got 'huge'"):
        a_system([measured()]).outcome({"model": "huge"}, Random(0))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("[", "test: is no table", id="no JSON"),
        pytest.param("{}", "test: is no table: 'format'", id="something else"),
        pytest.param('{"format": 2}', "test: its format must be 1, got 2", id="a later format"),
    ],
)
def test_a_text_that_is_no_table_is_refused(text: str, message: str) -> None:
    with pytest.raises(MachineError, match=message):
        parse_table(text, "test")


def scenario(seed: int) -> BenchProblem:
    return draw_scenario("contest", a_contest(), seed)


@pytest.mark.parametrize("seed", range(6))
def test_a_scenario_is_a_contest(seed: int) -> None:
    bench = scenario(seed)
    assert bench.answer is not None
    truths = [bench.system.truth(one) for one in bench.problem.space.configurations()]
    losses = sorted(truth.loss for truth in truths if truth.feasible and truth.loss is not None)
    assert losses == list(bench.answer.losses)
    assert losses[0] == bench.answer.best_loss
    assert bench.feasible_share == len(losses) / len(truths)
    assert 3 <= len({one["model"] for one in bench.answer.feasible})


def test_even_seeds_are_about_accuracy_and_odd_ones_about_latency() -> None:
    even, odd = scenario(0).problem, scenario(1).problem
    assert (ACCURACY, Direction.MAXIMIZE) == (even.objective.metric, even.objective.direction)
    assert [P95, MEMORY] == [one.limit.metric for one in even.constraints]
    assert (P50, Direction.MINIMIZE) == (odd.objective.metric, odd.objective.direction)
    assert [ACCURACY, MEMORY] == [one.limit.metric for one in odd.constraints]


def test_seeds_differ_in_their_limits_and_a_seed_is_always_the_same() -> None:
    limits = [scenario(seed).problem.constraints for seed in (0, 2, 4)]
    assert len(set(limits)) > 1
    assert limits[0] == scenario(0).problem.constraints


def test_latency_limits_lie_where_the_table_has_repeats() -> None:
    bounds = [scenario(seed).problem.constraints[0].limit.bound for seed in range(0, 12, 2)]
    assert all(P95_LIMIT <= bound <= 1.35 * P95_LIMIT for bound in bounds)


def test_other_limits_are_multiples_of_what_matters_of_their_metric() -> None:
    accuracy, memory = (one.limit.bound for one in scenario(1).problem.constraints)
    assert (0.0, 0.0) == (round(accuracy * 100, 9) % 1, memory % 16)


def test_a_table_that_leaves_no_contest_is_refused() -> None:
    with pytest.raises(InvalidTuningError, match="must leave a contest"):
        draw_scenario("flat", a_table([measured()], [measured()]), 0)


def test_the_rank_is_the_share_of_what_is_better_by_more_than_noise() -> None:
    answer = scenario(1).answer
    assert answer is not None
    known = replace(answer, losses=(1.0, 1.5, 2.0, 3.0), noise=0.0)
    assert [0.0, 0.25, 0.75] == [known.rank(loss) for loss in (1.0, 1.5, 3.0)]
    assert [0.0, 0.0, 0.25] == [replace(known, noise=0.6).rank(loss) for loss in (1.0, 1.5, 2.0)]


def test_the_digits_table_is_whole_and_has_real_failures() -> None:
    table = read_table("digits")
    runs = [table.of(one) for one in table.space.configurations()]
    assert len(runs) >= 400
    kinds = Counter(one.outcome for repeats in runs for one in repeats)
    assert kinds[OutcomeKind.FEASIBLE] > 100
    assert kinds[OutcomeKind.CRASHED] > 50
    assert kinds[OutcomeKind.TIMED_OUT] > 0
    assert sum(len(repeats) >= 3 for repeats in runs) >= 10


@pytest.mark.parametrize("seed", [0, 1])
def test_every_search_can_be_run_on_the_digits_table(seed: int) -> None:
    plan = Plan("digits", seed, "tba", 1, 12)
    row = run(plan)
    assert 12 == len(row.seconds) == len(row.rank)
    assert list(row.rank) == sorted(row.rank, reverse=True)


def test_the_digits_table_is_small_and_names_no_place() -> None:
    text = (files("deploytune.bench.search.recorded") / "tables" / "digits.json").read_text()
    assert len(text) <= 2**20
    assert [] == re.findall(r"/(?:root|home|tmp|work|usr)/", text)
