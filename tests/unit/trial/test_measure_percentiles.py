from __future__ import annotations

import math
import random

import pytest

from deploytune_trial.measure.percentiles import nearest_rank, percentile_of, ranks_of_bounds


@pytest.mark.parametrize(
    ("percentile", "count", "ranks"),
    [
        (99.0, 500, (490, 500)),
        (99.0, 1000, (983, 997)),
        (99.0, 5000, (4936, 4964)),
        (95.0, 1000, (936, 964)),
    ],
)
def test_the_ranks_of_an_interval_are_those_of_the_binomial_tables(
    percentile: float, count: int, ranks: tuple[int, int]
) -> None:
    assert ranks_of_bounds(percentile, count, 0.025) == ranks


def test_three_hundred_samples_give_p99_no_upper_bound() -> None:
    low, high = ranks_of_bounds(99.0, 300, 0.025)

    assert low is not None
    assert high is None


@pytest.mark.parametrize(
    ("percentile", "count", "rank"),
    [(50.0, 4, 2), (50.0, 5, 3), (95.0, 100, 95), (95.0, 20, 19), (99.0, 10, 10), (50.0, 1, 1)],
)
def test_a_percentile_is_the_nearest_rank(percentile: float, count: int, rank: int) -> None:
    assert nearest_rank(percentile, count) == rank


def test_a_percentile_is_a_value_that_was_measured() -> None:
    assert percentile_of([1.0, 2.0, 40.0], 95.0) == 40.0


def test_the_interval_of_p95_holds_the_true_one_in_95_of_100_runs() -> None:
    generator = random.Random(1)
    true_p95 = -math.log(0.05)
    held = 0
    for _ in range(400):
        ordered = sorted(generator.expovariate(1.0) for _ in range(300))
        low, high = ranks_of_bounds(95.0, 300, 0.025)
        assert low is not None
        assert high is not None
        held += ordered[low - 1] <= true_p95 <= ordered[high - 1]

    assert 0.93 <= held / 400 <= 0.99


def test_an_interval_of_millions_of_samples_is_found() -> None:
    low, high = ranks_of_bounds(99.0, 3_000_000, 0.025)

    assert low is not None
    assert high is not None
    assert low < 2_970_000 < high
    assert high - low == pytest.approx(2 * 1.96 * math.sqrt(3e6 * 0.99 * 0.01), rel=0.01)
