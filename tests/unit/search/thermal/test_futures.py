"""What trials in flight may turn out to be, and what is believed of others then."""

from __future__ import annotations

import numpy as np
import pytest

from deploytune.search.thermal.arrays import Floats
from deploytune.search.thermal.futures import FUTURES, Imagined, Posterior, imagine

NOISE = 0.1


def a_posterior(likeness: float, flying: int = 1) -> Posterior:
    """Trials in flight of mean 1 and variance 2, and a candidate of mean 3, alike to so much."""
    covariance = np.full((flying, flying + 1), 2.0 * likeness)
    covariance[:, :flying] = 2.0 * np.eye(flying)
    mean = np.array([1.0] * flying + [3.0])
    return Posterior(mean, np.full(flying + 1, 2.0), covariance)


def imagined(posterior: Posterior, noise: float = NOISE) -> Imagined:
    return imagine(posterior, noise, np.random.default_rng(1))


def test_nothing_in_flight_leaves_one_future_that_is_the_present() -> None:
    present = imagined(a_posterior(0.0, flying=0))
    assert (1, 0) == present.flying.shape
    assert ([[3.0]], [2.0]) == (present.mean.tolist(), present.variance.tolist())


def test_a_candidate_that_has_nothing_in_common_with_the_flying_is_believed_as_before() -> None:
    found = imagined(a_posterior(0.0))
    assert found.mean == pytest.approx(np.full((FUTURES, 1), 3.0))
    assert found.variance == pytest.approx([2.0])


def test_a_candidate_like_one_in_flight_fares_as_that_one_does_in_every_future() -> None:
    found = imagined(a_posterior(1.0), noise=0.0)
    assert found.mean[:, 0] - 3.0 == pytest.approx(found.flying[:, 0] - 1.0, abs=1e-3)
    assert found.variance[0] < 1e-3


def test_noise_leaves_something_to_be_learnt_of_what_is_alike() -> None:
    assert imagined(a_posterior(1.0), noise=2.0).variance == pytest.approx([1.0], rel=1e-3)


def test_futures_spread_as_the_belief_of_the_flying_does() -> None:
    found = imagined(a_posterior(0.5, flying=3))
    assert (FUTURES, 3) == found.flying.shape
    assert deviation(found.flying) == pytest.approx(np.sqrt(2.0 + NOISE), rel=0.25)


def deviation(values: Floats) -> float:
    return float(values.std())
