from __future__ import annotations

import math
import random

import pytest

from deploytune_trial.measure.percentiles import (
    interval_ranks,
    mean_half_width,
    nearest_rank,
    percentile_half_width,
    percentile_of,
)


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
    assert interval_ranks(percentile, count) == ranks


def test_three_hundred_samples_give_p99_no_upper_bound() -> None:
    low, high = interval_ranks(99.0, 300)

    assert low is not None
    assert high is None
    assert percentile_half_width([float(value) for value in range(300)], 99.0) is None


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
        low, high = interval_ranks(95.0, 300)
        assert low is not None
        assert high is not None
        held += ordered[low - 1] <= true_p95 <= ordered[high - 1]

    assert 0.93 <= held / 400 <= 0.99


def test_an_infinite_percentile_has_no_width() -> None:
    assert percentile_half_width([1.0] * 200 + [math.inf] * 100, 95.0) is None


def test_the_width_of_a_mean_shrinks_with_the_root_of_the_samples() -> None:
    few = mean_half_width([0.0, 2.0] * 50)
    many = mean_half_width([0.0, 2.0] * 200)

    assert few is not None
    assert many is not None
    assert few / many == pytest.approx(2.0, rel=0.02)


def test_a_single_sample_has_no_width() -> None:
    assert mean_half_width([1.0]) is None


def test_an_interval_of_millions_of_samples_is_found() -> None:
    low, high = interval_ranks(99.0, 3_000_000)

    assert low is not None
    assert high is not None
    assert low < 2_970_000 < high
    assert high - low == pytest.approx(2 * 1.96 * math.sqrt(3e6 * 0.99 * 0.01), rel=0.01)
