from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from deploytune_trial.bench.simulated_servers import SERVERS
from deploytune_trial.measure.dependence import (
    Series,
    inflation_of_mean,
    inflation_of_percentile,
)
from deploytune_trial.measure.intervals import (
    Estimate,
    EstimateAt,
    mean_estimator,
    percentile_estimator,
    rate_estimator,
    student_quantile,
)

TRUE_P95 = 1.6448536


def autoregressive(strength: float, count: int, seed: int) -> Series:
    """Normal values of which neighbours correlate by `strength`."""
    generator = np.random.default_rng(seed)
    values = generator.standard_normal(count)
    for place in range(1, count):
        values[place] = strength * values[place - 1] + math.sqrt(1 - strength**2) * values[place]
    return values


def share_held(truth: float, estimates: list[Estimate]) -> float:
    """The share of the intervals that hold the truth."""
    return float(np.mean([one.lower <= truth <= one.upper for one in estimates]))


@pytest.mark.parametrize(("alpha", "degrees", "expected"), [(0.025, 19, 2.093), (0.005, 9, 3.250)])
def test_students_quantiles_are_those_of_the_tables(
    alpha: float, degrees: int, expected: float
) -> None:
    assert student_quantile(alpha, degrees) == pytest.approx(expected, rel=0.005)


def test_independent_requests_are_hardly_inflated() -> None:
    values = autoregressive(0.0, 2000, seed=1)

    assert inflation_of_mean(values) < 1.2
    assert inflation_of_percentile(values, TRUE_P95, 95.0) < 1.2


def test_a_mean_of_dependent_requests_is_inflated_as_theory_says() -> None:
    assert inflation_of_mean(autoregressive(0.5, 20_000, seed=2)) == pytest.approx(3.0, rel=0.1)


def test_a_high_percentile_suffers_less_from_dependence_than_the_mean() -> None:
    values = autoregressive(0.5, 20_000, seed=3)

    assert inflation_of_percentile(values, TRUE_P95, 95.0) == pytest.approx(1.66, rel=0.1)


def test_a_queue_is_inflated_by_more_than_its_neighbours_tell() -> None:
    """Its memory is longer than that of an autoregressive process of the first order."""
    queue = SERVERS[-1].draw(np.random.default_rng(4), 20_000)
    neighbours = float(np.corrcoef(queue[1:], queue[:-1])[0, 1])

    assert inflation_of_mean(queue) > 1.2 * (1 + neighbours) / (1 - neighbours)


def test_equal_latencies_are_no_dependence() -> None:
    equal = np.full(200, 5.0)

    assert inflation_of_mean(equal) == 1.0
    assert percentile_estimator(equal, 95.0)(0.025) == Estimate(5.0, 5.0, 5.0)


@pytest.mark.parametrize("strength", [0.0, 0.5, 0.8])
@pytest.mark.parametrize(
    ("make", "truth"),
    [
        pytest.param(lambda values: percentile_estimator(values, 95.0), TRUE_P95, id="p95"),
        pytest.param(lambda values: percentile_estimator(values, 50.0), 0.0, id="median"),
        pytest.param(mean_estimator, 0.0, id="mean"),
    ],
)
def test_intervals_hold_the_truth_of_dependent_requests(
    make: Callable[[Series], EstimateAt], truth: float, strength: float
) -> None:
    runs = [make(autoregressive(strength, 600, seed)) for seed in range(200)]

    assert share_held(truth, [run(0.025) for run in runs]) >= 0.9


def test_the_interval_of_a_rate_holds_the_rate_of_poisson_arrivals() -> None:
    held = []
    for seed in range(200):
        ends = np.cumsum(np.random.default_rng(seed).exponential(0.02, 400))
        held.append(rate_estimator(ends, 0.0, float(ends[-1]))(0.025))

    assert share_held(50.0, held) >= 0.9


def test_answers_that_come_in_even_batches_have_a_sure_rate() -> None:
    ends = np.repeat(np.arange(1.0, 101.0), 8)

    rate = rate_estimator(ends, 0.0, float(ends[-1]), each=2)(0.025)

    assert rate.value == pytest.approx(16.0)
    assert rate.half_width is not None
    assert rate.half_width < 0.5


def test_too_few_requests_leave_a_side_without_a_bound() -> None:
    estimate = percentile_estimator(np.arange(50.0), 95.0)(0.025)

    assert math.isinf(estimate.upper)
    assert estimate.half_width is None


def test_an_infinite_latency_is_just_the_largest() -> None:
    latencies = np.array(([1.0] * 99 + [math.inf]) * 10)

    assert percentile_estimator(latencies, 95.0)(0.025).upper == 1.0
    assert math.isinf(percentile_estimator(latencies, 99.9)(0.025).value)
    assert mean_estimator(latencies)(0.025) == Estimate(math.inf, math.inf, math.inf)
