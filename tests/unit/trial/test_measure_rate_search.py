from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploytune_trial.measure.rate_search import CLOSE, MOST_PROBES, RateSearch


def found(search: RateSearch, capacity: float) -> float | None:
    """What a search finds on a server that sustains every rate up to its capacity."""
    while (rate := search.next_rate()) is not None:
        search.tell(rate, is_sustained=rate <= capacity)
    return search.sustained


@given(st.floats(20.0, 900.0), st.floats(20.0, 900.0))
def test_a_search_from_a_guess_nearby_ends_close_below_the_capacity(
    capacity: float, guess: float
) -> None:
    search = RateSearch(1000.0, guess)

    rate = found(search, capacity)

    assert search.probes <= MOST_PROBES
    if search.probes < MOST_PROBES:
        assert rate is not None
        assert capacity / (1 + CLOSE) <= rate <= capacity


def test_a_server_that_sustains_the_highest_rate_needs_no_more_probes() -> None:
    search = RateSearch(100.0, 5000.0)

    assert found(search, 1e9) == 100.0
    assert search.probes == 1
    assert search.figure().half_width is None


def test_a_server_that_sustains_nothing_has_rate_zero() -> None:
    search = RateSearch(100.0, 50.0)

    assert found(search, 0.0) is None
    assert search.figure().value == 0.0


def test_the_lowest_rate_refused_bounds_the_figure() -> None:
    search = RateSearch(100.0, 50.0, sustained=40.0, refused=41.0)

    assert search.figure().value == 40.0
    assert search.figure().half_width == pytest.approx(1.0)
