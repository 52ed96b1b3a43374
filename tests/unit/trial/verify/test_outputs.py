from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from deploytune.contract.outcomes import Cause, OutcomeKind
from deploytune_trial.failures import TrialFailure
from deploytune_trial.verify.outputs import check_outputs

REFERENCE = {"y": np.array([[1.0, 2.0], [3.0, 4.0]], np.float32)}


@pytest.mark.parametrize(
    ("served", "expected"),
    [
        pytest.param({}, "output 'y' is missing, got none", id="missing"),
        pytest.param(
            {"y": REFERENCE["y"].astype(np.float64)},
            "output 'y' must be float32, got float64",
            id="another type",
        ),
        pytest.param(
            {"y": REFERENCE["y"][:1]},
            "output 'y' must have the shape [2, 2], got [1, 2]",
            id="another shape",
        ),
        pytest.param(
            {"y": np.array([[1.0, np.nan], [np.inf, 4.0]], np.float32)},
            "output 'y' has 2 of 4 values that are NaN or infinite",
            id="NaN",
        ),
    ],
)
def test_a_broken_output_is_a_crash(served: dict[str, Any], expected: str) -> None:
    with pytest.raises(TrialFailure) as raised:
        check_outputs(served, REFERENCE)
    assert expected == raised.value.message
    assert raised.value.outcome is OutcomeKind.CRASHED
    assert raised.value.cause is Cause.WRONG_OUTPUT


def test_values_that_moved_are_no_crash() -> None:
    check_outputs({"y": REFERENCE["y"] * 2}, REFERENCE)


def test_an_infinity_of_the_original_is_no_crash() -> None:
    outputs = {"y": np.array([[-np.inf, 1.0]], np.float32)}
    check_outputs(outputs, outputs)
