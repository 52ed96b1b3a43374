from __future__ import annotations

import pytest

from deploytune.runtime.kube.patience import Patience

PATIENCE = Patience(
    calls=6, first_pause_seconds=1.0, longest_pause_seconds=5.0, longest_rest_seconds=10.0
)


@pytest.mark.parametrize(("failed", "expected"), [(1, 1.0), (2, 2.0), (3, 4.0), (4, 5.0), (5, 5.0)])
def test_pauses_grow_up_to_a_longest(failed: int, expected: float) -> None:
    assert expected == PATIENCE.pause_after(failed, None, lambda: 1.0)


@pytest.mark.parametrize(("part", "expected"), [(0.0, 0.0), (0.5, 1.0), (1.0, 2.0)])
def test_a_pause_is_a_random_part_of_its_bound(part: float, expected: float) -> None:
    assert expected == PATIENCE.pause_after(2, None, lambda: part)


def test_the_rest_that_a_server_asks_for_comes_on_top() -> None:
    assert 9.0 == PATIENCE.pause_after(2, 7.0, lambda: 1.0)


@pytest.mark.parametrize(("failed", "rest"), [(6, None), (1, 10.5)])
def test_after_the_last_call_and_for_too_long_a_rest_there_is_no_pause(
    failed: int, rest: float | None
) -> None:
    assert None is PATIENCE.pause_after(failed, rest)
