from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploytune_trial.verify.statistics import (
    Deviation,
    Mean,
    PairedShares,
    Share,
    cosines,
    deviation,
    deviations_99,
)


def test_drift_is_the_largest_difference_over_the_largest_reference() -> None:
    reference = np.array([[1.0, -4.0], [2.0, 0.0]], np.float32)
    served = np.array([[1.5, -4.0], [1.0, 0.0]], np.float32)
    assert deviation(served, reference).drift == 0.25


def test_equal_outputs_have_no_drift() -> None:
    values = np.ones((2, 3), np.float32)
    assert deviation(values, values).drift == 0.0


def test_drift_from_a_reference_of_zeros_is_the_difference_itself() -> None:
    assert deviation(np.full(3, 0.5), np.zeros(3)).drift == 0.5


def test_values_that_the_reference_does_not_have_are_left_out() -> None:
    reference = np.array([1.0, np.nan, np.inf])
    assert deviation(np.array([1.0, 7.0, 7.0]), reference) == Deviation(0.0, 1.0)


def test_integers_are_compared_without_wrapping_around() -> None:
    served, reference = np.array([0], np.uint8), np.array([2], np.uint8)
    assert deviation(served, reference).drift == 1.0


def test_joined_deviations_are_that_of_all_samples() -> None:
    joined = Deviation(0.5, 1.0).joined_with(Deviation(0.1, 4.0))
    assert joined.drift == 0.125


@pytest.mark.parametrize(
    ("hits", "total", "low", "high"),
    [
        # Wilson's intervals at 99 %, computed by hand from the published formula.
        pytest.param(50, 100, 0.3753, 0.6247, id="one half"),
        pytest.param(615, 640, 0.9360, 0.9764, id="nearly all"),
        pytest.param(100, 100, 0.9378, 1.0, id="all"),
    ],
)
def test_the_half_width_reaches_the_farther_end_of_the_interval(
    hits: int, total: int, low: float, high: float
) -> None:
    share = Share(hits, total)
    expected = max(share.value - low, high - share.value)
    assert expected == pytest.approx(share.half_width, abs=2e-4)


@given(total=st.integers(1, 10_000), data=st.data())
def test_the_half_width_is_finite_positive_and_the_same_for_misses(
    total: int, data: st.DataObject
) -> None:
    hits = data.draw(st.integers(0, total))
    half_width = Share(hits, total).half_width
    assert 0 < half_width < 1
    assert half_width == pytest.approx(Share(total - hits, total).half_width)


def test_more_samples_narrow_the_interval() -> None:
    assert Share(90, 100).half_width > Share(900, 1000).half_width


def test_the_cosine_of_each_sample_is_its_own() -> None:
    reference = np.array([[1.0, 0.0], [1.0, 1.0], [0.0, 2.0]], np.float32)
    served = np.array([[2.0, 0.0], [-1.0, -1.0], [2.0, 0.0]], np.float32)
    assert cosines(served, reference) == pytest.approx([1.0, -1.0, 0.0])


def test_two_outputs_of_zeros_are_alike_and_one_alone_is_like_nothing() -> None:
    zeros, ones = np.zeros((1, 2)), np.ones((1, 2))
    assert cosines(zeros, zeros).tolist() == [1.0]
    assert cosines(zeros, ones).tolist() == [0.0]


def test_cosines_leave_out_what_the_reference_does_not_have() -> None:
    reference = np.array([[1.0, np.nan, -np.inf]])
    assert cosines(np.array([[3.0, 1.0, 1.0]]), reference).tolist() == [1.0]


def test_a_mean_joined_of_parts_is_that_of_all_scores() -> None:
    scores = np.random.default_rng(1).normal(5.0, 2.0, 100)
    joined = Mean()
    for start in range(0, 100, 7):
        joined = joined.joined_with(Mean.of(scores[start : start + 7]))
    assert joined.count == 100
    assert joined.value == pytest.approx(scores.mean())
    assert joined.variance == pytest.approx(scores.var())


@pytest.mark.parametrize(
    ("freedom", "expected"), [(7, 3.4995), (9, 3.2498), (19, 2.8609), (30, 2.7500), (10**6, 2.5758)]
)
def test_students_distribution_is_that_of_the_tables(freedom: int, expected: float) -> None:
    assert deviations_99(freedom) == pytest.approx(expected, rel=2e-3)


def test_few_scores_have_no_interval() -> None:
    assert Mean.of(np.ones(7)).half_width is None


@pytest.mark.parametrize(
    "draw",
    [
        pytest.param(lambda rng: rng.normal(1.0, 2.0, 50), id="normal"),
        pytest.param(lambda rng: rng.exponential(1.0, 200), id="exponential"),
    ],
)
def test_the_interval_of_a_mean_holds_the_truth(
    draw: Callable[[np.random.Generator], np.ndarray[Any, Any]],
) -> None:
    rng = np.random.default_rng(5)
    means = [Mean.of(draw(rng)) for _ in range(1500)]
    held = [abs(mean.value - 1.0) <= (mean.half_width or 0.0) for mean in means]
    assert np.mean(held) > 0.975


@pytest.mark.parametrize(("lost", "won"), [(0.05, 0.05), (0.04, 0.01), (0.003, 0.0)])
def test_the_interval_of_a_drop_holds_the_truth(lost: float, won: float) -> None:
    rng = np.random.default_rng(6)
    draws = rng.multinomial(640, [lost, won, 1 - lost - won], 3000)
    drops = [PairedShares(int(a), int(b), 640) for a, b, _ in draws]
    held = [abs(drop.drop - (lost - won)) <= drop.half_width for drop in drops]
    assert np.mean(held) > 0.985


def test_the_interval_of_a_drop_is_far_narrower_than_that_of_an_accuracy() -> None:
    """640 samples of 95 % accuracy, on 8 of which variant and reference differ."""
    assert PairedShares(5, 3, 640).half_width < Share(608, 640).half_width * 0.6
