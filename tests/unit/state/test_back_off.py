"""Pauses double, and stop at the longest."""

from __future__ import annotations

import pytest

from deploytune.state.back_off import doubled_seconds


@pytest.mark.parametrize(
    ("failures", "expected"), [(1, 5.0), (2, 10.0), (3, 20.0), (6, 100.0), (10**6, 100.0)]
)
def test_a_pause_doubles_with_every_failure_up_to_the_longest(
    failures: int, expected: float
) -> None:
    assert expected == doubled_seconds(5.0, failures, 100.0)
