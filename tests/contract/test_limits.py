from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from deploytune.contract.limits import Limit


def at_most(bound: float) -> Limit:
    return Limit(metric="latency_p95_ms", max=bound)


def at_least(bound: float) -> Limit:
    return Limit(metric="accuracy", min=bound)


@pytest.mark.parametrize(
    ("limit", "value", "expected"),
    [
        pytest.param(at_most(20), 19.0, True, id="below an upper limit"),
        pytest.param(at_most(20), 20.0, True, id="exactly at an upper limit"),
        pytest.param(at_most(20), 20.1, False, id="above an upper limit"),
        pytest.param(at_least(0.9), 0.95, True, id="above a lower limit"),
        pytest.param(at_least(0.9), 0.9, True, id="exactly at a lower limit"),
        pytest.param(at_least(0.9), 0.85, False, id="below a lower limit"),
        pytest.param(at_most(20), None, False, id="not measured"),
        pytest.param(at_least(0), None, False, id="not measured where 0 would do"),
        pytest.param(at_most(0), 0.0, True, id="a limit of zero"),
    ],
)
def test_a_limit_is_met_up_to_its_bound(
    limit: Limit, value: float | None, *, expected: bool
) -> None:
    assert limit.is_met_by(value) is expected


def test_excess_is_how_far_a_limit_is_missed() -> None:
    assert at_most(20).excess(25) == 5
    assert at_least(0.5).excess(0.25) == 0.25
    assert at_most(20).excess(15) == -5


@pytest.mark.parametrize("sides", [{}, {"max": 1, "min": 0}], ids=["no side", "both sides"])
def test_a_limit_has_one_side(sides: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="exactly one of max and min must be set"):
        Limit(metric="accuracy", **sides)


def test_infinity_is_no_limit() -> None:
    with pytest.raises(ValidationError, match="finite"):
        at_most(float("inf"))
