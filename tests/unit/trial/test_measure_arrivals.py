from __future__ import annotations

import itertools
import statistics

import pytest

from deploytune_trial.measure.arrivals import poisson_gaps


def test_arrivals_come_at_the_rate_with_the_spread_of_a_poisson_process() -> None:
    gaps = list(itertools.islice(poisson_gaps(50.0, seed=3), 20_000))

    assert statistics.mean(gaps) == pytest.approx(0.02, rel=0.03)
    assert statistics.stdev(gaps) == pytest.approx(0.02, rel=0.03)


def test_equal_seeds_give_equal_arrivals() -> None:
    first, again, other = (
        list(itertools.islice(poisson_gaps(50.0, seed), 10)) for seed in (1, 1, 2)
    )

    assert first == again
    assert first != other
