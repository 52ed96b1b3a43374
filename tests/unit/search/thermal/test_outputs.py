from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from search_builders import LATENCY, a_finished, a_problem

from deploytune.contract.limits import Limit
from deploytune.contract.metrics import Direction
from deploytune.contract.outcomes import OutcomeKind
from deploytune.search.history import FinishedTrial
from deploytune.search.problem import Constraint, Objective
from deploytune.search.thermal.outputs import (
    FURTHEST_MARGIN,
    losses,
    margins,
    ran,
    relative_gain,
)

P95 = "latency_p95_ms@steady"


def measured(**metrics: float) -> FinishedTrial:
    return FinishedTrial(0, {}, OutcomeKind.INFEASIBLE, metrics)


def margins_of(limit: Limit, *values: float) -> list[float]:
    trials = [FinishedTrial(0, {}, OutcomeKind.INFEASIBLE, {limit.metric: v}) for v in values]
    return list(margins(Constraint(limit), trials).values)


@pytest.mark.parametrize(
    ("trial", "expected"),
    [
        pytest.param(a_finished(), 1.0, id="feasible"),
        pytest.param(measured(latency_ms=11.0), 1.0, id="infeasible by a limit that it missed"),
        pytest.param(measured(), 0.0, id="infeasible, and nothing says why"),
        pytest.param(measured(latency_ms=9.0), 0.0, id="infeasible with its only limit met"),
        pytest.param(a_finished(outcome=OutcomeKind.CRASHED), 0.0, id="crashed"),
        pytest.param(a_finished(outcome=OutcomeKind.TIMED_OUT), 0.0, id="timed out"),
        pytest.param(a_finished(outcome=OutcomeKind.INVALID), 0.0, id="invalid"),
    ],
)
def test_a_trial_ran_if_its_limits_say_how_it_ended(trial: FinishedTrial, expected: float) -> None:
    assert [expected] == list(ran(a_problem(), [trial]).values)


def test_a_latency_is_seen_relative_to_its_limit() -> None:
    assert pytest.approx([math.log(2), 0.0, -math.log(2)]) == margins_of(
        Limit(metric=P95, max=10), 20.0, 10.0, 5.0
    )


def test_a_limit_from_below_is_missed_below_it() -> None:
    missed, kept = margins_of(Limit(metric="throughput@steady", min=100), 50.0, 200.0)
    assert missed > 0 > kept


def test_an_accuracy_near_one_is_seen_by_its_odds() -> None:
    missed, kept = margins_of(Limit(metric="accuracy", min=0.9), 0.5, 0.999)
    assert FURTHEST_MARGIN == missed
    assert kept < -2


def test_how_far_beyond_five_times_its_limit_a_trial_was_aborted_teaches_nothing() -> None:
    assert [FURTHEST_MARGIN] * 2 == margins_of(Limit(metric=P95, max=10), 51.0, 5000.0)


@pytest.mark.parametrize("values", [(0.0, 1.0), (-4.0, 4.0)], ids=["zero", "negative"])
def test_a_metric_that_has_no_logarithm_is_seen_as_it_is(values: tuple[float, ...]) -> None:
    seen = margins_of(Limit(metric="drift", max=2.0), *values)
    assert pytest.approx([(value - 2.0) / 2.0 for value in values]) == seen


def test_a_limit_of_zero_has_margins() -> None:
    assert all(math.isfinite(each) for each in margins_of(Limit(metric="drift", max=0.0), 0.0, 1.0))


def test_a_trial_without_a_metric_shows_nothing_of_it() -> None:
    trials = [measured(), measured(latency_ms=20.0), a_finished(outcome=OutcomeKind.CRASHED)]
    assert [1] == list(margins(Constraint(Limit(metric=LATENCY, max=10)), trials).rows)


@pytest.mark.parametrize(
    ("metric", "values", "expected"),
    [
        pytest.param("throughput@steady", (50.0, 100.0), 0.02, id="by its logarithm"),
        pytest.param("accuracy", (0.5, 0.9), 0.002, id="by its odds"),
        pytest.param("score", (50.0, 100.0), 0.0002, id="as it is"),
    ],
)
def test_a_gain_is_a_share_of_the_best_objective(
    metric: str, values: tuple[float, float], expected: float
) -> None:
    problem = replace(a_problem(), objective=Objective(metric, Direction.MAXIMIZE))
    trials = [FinishedTrial(0, {}, OutcomeKind.FEASIBLE, {metric: value}) for value in values]
    incumbent = losses(problem, trials).values.min()
    [share] = relative_gain(problem, trials, np.array([0.02]), incumbent)
    assert pytest.approx(expected) == share


def test_a_better_objective_is_a_smaller_loss() -> None:
    seen = losses(a_problem(), [measured(throughput=10.0), measured(throughput=90.0)])
    better, worse = seen.values[1], seen.values[0]
    assert better < worse
