from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploytune_trial.verify.statistics import Deviation, Share, correct, deviation


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


def test_a_sample_is_correct_where_its_highest_score_is_its_label() -> None:
    scores = np.array([[0.1, 0.9], [0.8, 0.2], [0.4, 0.6]])
    assert correct(scores, np.array([1, 0, 0])) == Share(2, 3)


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
