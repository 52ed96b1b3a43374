"""What a real device tells; `tests/triton/test_trial_devices.py` pretends one."""

from __future__ import annotations

import pytest

from deploytune_trial.devices.claims import ClaimedDevices
from deploytune_trial.devices.fitness import Found
from deploytune_trial.devices.nvml import FaultEvents, NvmlDevice
from deploytune_trial.devices.readings import DeviceError

pytestmark = pytest.mark.gpu


def test_a_device_says_what_it_is(nvidia_devices: list[NvmlDevice]) -> None:
    for device in nvidia_devices:
        assert device.identity.uuid.startswith(("GPU-", "MIG-"))
        assert "unknown" not in {device.identity.product, device.identity.driver}
        assert (device.identity.memory_bytes or 0) > 2**30


def test_a_reading_is_in_its_units(nvidia_devices: list[NvmlDevice]) -> None:
    for device in nvidia_devices:
        reading = device.read()
        assert 0 <= (reading.used_bytes or 0) < (device.identity.memory_bytes or 2**60)
        assert reading.utilisation is None or 0 <= reading.utilisation <= 1
        assert reading.power_watts is None or 1 < reading.power_watts < 3000
        assert reading.clock_mhz is None or 50 < reading.clock_mhz < 5000


def test_energy_and_power_tell_the_same(nvidia_devices: list[NvmlDevice]) -> None:
    device = nvidia_devices[0]
    if device.read().energy_joules is None:
        pytest.skip("the device does not count its energy")
    devices = ClaimedDevices([device], [Found(device.identity, device.health(), device.read())])
    devices.begin_serving()
    with devices.under_load() as seen:
        until = device.read().at + 2.0
        while device.read().at < until:
            pass
    figures = devices.figures_of_load("idle", seen, inferences=1)
    watts = [reading.power_watts or 0.0 for reading in seen.series[0]]

    assert figures["gpu_power_watts@idle"] == pytest.approx(sum(watts) / len(watts), rel=0.3)


def test_faults_are_told_of(nvidia_devices: list[NvmlDevice]) -> None:
    try:
        events = FaultEvents(nvidia_devices)
    except DeviceError as error:
        pytest.skip(f"the driver tells this process nothing: {error}")
    assert events.next_xid(0.05) is None
