from __future__ import annotations

import math

import pytest
from search_builders import a_finished, a_problem

from deploytune.contract.limits import Limit
from deploytune.contract.outcomes import OutcomeKind
from deploytune.search.problem import Constraint
from deploytune.search.ranking import best_feasible, loss_of, rank_of
from deploytune.search.violations import normalised_excess, violation_of

LATENCY = Constraint(Limit(metric="latency", max=20), scale=1.0)
ACCURACY = Constraint(Limit(metric="accuracy", min=0.9), scale=0.01)
BOTH = (LATENCY, ACCURACY)


@pytest.mark.parametrize(
    ("limit", "scale", "value", "expected"),
    [
        pytest.param(Limit(metric="m", max=20), 1, 40, 0.5, id="twice the limit is a half"),
        pytest.param(Limit(metric="m", max=20), 1, 20, 0, id="at the limit is met"),
        pytest.param(Limit(metric="m", max=20), 1, 10, -1 / 3, id="inside is negative"),
        pytest.param(Limit(metric="m", min=20), 1, 10, 1 / 3, id="below a minimum"),
        pytest.param(Limit(metric="m", max=0), 2, 2, 0.5, id="a limit of zero has its scale"),
        pytest.param(Limit(metric="m", max=-10), 2, 0, 0.5, id="a negative limit"),
        pytest.param(Limit(metric="m", max=0.1), 2, 2.1, 0.5, id="a limit below its scale"),
        pytest.param(Limit(metric="m", max=20), 1, math.inf, 1, id="infinitely bad"),
        pytest.param(Limit(metric="m", max=20), 1, -math.inf, -1, id="infinitely good"),
        pytest.param(Limit(metric="m", max=20), 1, None, 1, id="not measured"),
        pytest.param(Limit(metric="m", max=20), 1, math.nan, 1, id="not a number"),
    ],
)
def test_an_excess_is_relative_and_squashed(
    limit: Limit, scale: float, value: float | None, expected: float
) -> None:
    assert normalised_excess(Constraint(limit, scale), value) == pytest.approx(expected)


def test_the_smallest_excess_is_still_one() -> None:
    constraint = Constraint(Limit(metric="m", max=0), 1e300)
    assert normalised_excess(constraint, 5e-324) > 0


def test_the_violation_is_the_sum_over_the_constraints() -> None:
    violation = violation_of(BOTH, OutcomeKind.INFEASIBLE, {"latency": 40, "accuracy": 0.95})
    assert violation.total == pytest.approx(0.5)
    assert violation.by_constraint == pytest.approx((0.5, 0))


def test_an_unmeasured_limit_counts_one() -> None:
    assert violation_of(BOTH, OutcomeKind.INFEASIBLE, {"latency": 5}).total == 1


def test_infeasible_for_a_reason_that_no_metric_shows_is_still_a_violation() -> None:
    metrics = {"latency": 5.0, "accuracy": 0.95}
    assert violation_of(BOTH, OutcomeKind.INFEASIBLE, metrics).total == 1


def test_a_feasible_trial_has_no_violation() -> None:
    violation = violation_of(BOTH, OutcomeKind.FEASIBLE, {"latency": 5, "accuracy": 0.95})
    assert violation.total == 0
    assert max(violation.excesses) < 0


@pytest.mark.parametrize(
    "outcome", [OutcomeKind.CRASHED, OutcomeKind.TIMED_OUT, OutcomeKind.INVALID]
)
def test_what_never_ran_to_a_measurement_counts_one_more_than_all_constraints(
    outcome: OutcomeKind,
) -> None:
    violation = violation_of(BOTH, outcome, {"latency": 5, "accuracy": 0.95})
    assert (violation.total, violation.by_constraint) == (3, ())


def test_trials_rank_by_violation_then_by_objective() -> None:
    problem = a_problem()
    better, good, infeasible, crashed = (
        a_finished(0, latency_ms=5, throughput=9),
        a_finished(1, latency_ms=5, throughput=8),
        a_finished(2, None, OutcomeKind.INFEASIBLE, latency_ms=11, throughput=99),
        a_finished(3, None, OutcomeKind.CRASHED),
    )
    ranked = sorted((crashed, infeasible, good, better), key=lambda t: rank_of(problem, t))
    assert [trial.index for trial in ranked] == [0, 1, 2, 3]
    assert best_feasible(problem, ranked) is better


def test_the_best_needs_an_objective() -> None:
    problem = a_problem()
    without = a_finished(0, latency_ms=5)
    infeasible = a_finished(1, None, OutcomeKind.INFEASIBLE, latency_ms=11, throughput=99)
    assert best_feasible(problem, [without, infeasible]) is None
    assert rank_of(problem, without) == (0, math.inf)


@pytest.mark.parametrize(
    ("outcome", "value", "expected"),
    [
        (OutcomeKind.FEASIBLE, 3.0, -3.0),
        (OutcomeKind.INFEASIBLE, 3.0, -3.0),
        (OutcomeKind.INVALID, 3.0, None),
        (OutcomeKind.FEASIBLE, math.nan, None),
    ],
)
def test_a_loss_is_what_a_measured_trial_has_to_minimise(
    outcome: OutcomeKind, value: float, expected: float | None
) -> None:
    assert expected == loss_of(a_problem(), a_finished(0, None, outcome, throughput=value))
