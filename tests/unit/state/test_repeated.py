"""What several processes together say of one configuration."""

from __future__ import annotations

import random

import pytest

from deploytune.contract.report import Measurement
from deploytune.state.repeated import combine_repeated


def processes(
    generator: random.Random, count: int, between: float, within: float
) -> list[Measurement]:
    """Measurements of 0 by processes that differ, each sure of its own noise alone."""
    return [
        Measurement(
            value=generator.gauss(0, between) + generator.gauss(0, within), half_width=1.96 * within
        )
        for _ in range(count)
    ]


@pytest.mark.parametrize("confirmations", [1, 2, 3, 5, 20])
@pytest.mark.parametrize(("between", "within"), [(0.0, 1.0), (1.0, 1.0), (3.0, 0.5)])
def test_the_interval_holds_the_truth_whether_processes_differ_or_not(
    confirmations: int, between: float, within: float
) -> None:
    generator = random.Random(6)
    held = 0
    for _ in range(1000):
        searched, *confirmed = processes(generator, confirmations + 1, between, within)
        combined = combine_repeated(confirmed, searched)
        assert combined.half_width is not None
        held += abs(combined.value) <= combined.half_width

    assert held / 1000 >= 0.9


def test_a_lucky_search_widens_the_interval_and_moves_no_value() -> None:
    confirmed = [Measurement(value=value) for value in (80.0, 84.0, 90.0)]

    usual = combine_repeated(confirmed, Measurement(value=85.0))
    lucky = combine_repeated(confirmed, Measurement(value=120.0))

    assert usual.value == lucky.value == 84.0
    assert usual.half_width is not None
    assert lucky.half_width is not None
    assert usual.half_width < lucky.half_width


def test_what_all_processes_share_stays_uncertain() -> None:
    same = Measurement(value=0.98, half_width=0.01)

    assert combine_repeated([same, same, same], same).half_width == 0.01
