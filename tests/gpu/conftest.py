"""Tests that need a device of NVIDIA; without one they are skipped, with the reason."""

from __future__ import annotations

import pytest

from deploytune_trial.devices.nvml import NvmlDevice, open_devices
from deploytune_trial.devices.readings import DeviceError


@pytest.fixture(scope="session")
def nvidia_devices() -> list[NvmlDevice]:
    """The devices of this machine, one at least."""
    try:
        devices = open_devices()
    except DeviceError as error:
        pytest.skip(f"no device of NVIDIA: {error}")
    if not devices:
        pytest.skip("no device of NVIDIA: the driver knows of none")
    return devices
