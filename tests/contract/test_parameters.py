from __future__ import annotations

import pytest

from deploytune.contract.models import Scalar
from deploytune.contract.parameters import TRIAL_PARAMETERS


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("model", "anything", None),
        ("model", 3, "must be a string"),
        ("backend", "onnxruntime", None),
        ("backend", "tensorflow", "must be one of onnxruntime, pytorch, tensorrt"),
        ("instances", 1, None),
        ("instances", 0, "must be greater than or equal to 1"),
        ("instances", 65, "must be less than or equal to 64"),
        ("instances", True, "must be an integer"),
        ("instances", 1.0, "must be an integer"),
        ("instances", "1", "must be an integer"),
        ("maxQueueDelayMicroseconds", 0, None),
    ],
)
def test_a_parameter_takes_what_its_stage_can_use(
    name: str, value: Scalar, expected: str | None
) -> None:
    assert TRIAL_PARAMETERS[name].why_refused(value) == expected


def test_a_parameter_is_known_by_its_name() -> None:
    assert all(name == parameter.name for name, parameter in TRIAL_PARAMETERS.items())
