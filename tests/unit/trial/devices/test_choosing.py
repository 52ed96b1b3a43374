from __future__ import annotations

import pytest
from device_builders import PlayedDevice

from deploytune_trial.devices.choosing import choose, visible_devices

DEVICES = [PlayedDevice(uuid=f"GPU-{letter}") for letter in "abc"]


@pytest.mark.parametrize(
    ("asked", "visible", "expected"),
    [
        pytest.param(2, None, "GPU-a,GPU-b", id="the first ones"),
        pytest.param(1, "2,0", "GPU-c", id="by number, in that order"),
        pytest.param(2, "GPU-b, 0", "GPU-b,GPU-a", id="by name and number"),
        pytest.param(3, "1,-1,2", "GPU-b", id="none after one that is not there"),
        pytest.param(1, "", "", id="none, by an empty list"),
        pytest.param(1, "NoDevFiles", "", id="none, by a word"),
        pytest.param(1, "7", "", id="none, by a number too high"),
        pytest.param(9, None, "GPU-a,GPU-b,GPU-c", id="fewer than asked for"),
    ],
)
def test_a_trial_gets(asked: int, visible: str | None, expected: str) -> None:
    assert expected == visible_devices(choose(DEVICES, asked, visible))
