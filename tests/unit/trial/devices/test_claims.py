"""Devices as a trial claims and looks at them; on this machine as it is, and played ones."""

from __future__ import annotations

import ctypes
import sys
import threading
from pathlib import Path

import pytest
from device_builders import PlayedDevice, PlayedEvents, a_reading
from onnx_builders import an_mlp, saved
from trial_builders import LOAD, a_request
from trial_processes import TrialProcess

from deploytune.contract.outcomes import Cause, OutcomeKind
from deploytune.contract.request import Resources, TrialRequest
from deploytune.contract.stages import Stage
from deploytune_trial.devices.claims import ClaimedDevices, claim_devices
from deploytune_trial.devices.fitness import Found
from deploytune_trial.devices.readings import DeviceError, Health
from deploytune_trial.failures import TrialFailure

DEVICE = Resources(accelerators={"nvidia.com/gpu": 1})


def asking(resources: Resources) -> TrialRequest:
    return a_request(resources=resources)


def claimed(*devices: PlayedDevice, events: PlayedEvents | None = None) -> ClaimedDevices:
    found = [Found(device.identity, device.health(), device.read()) for device in devices]
    return ClaimedDevices(devices, found, None if events is None else lambda: events)


@pytest.fixture
def no_library() -> None:
    try:
        ctypes.CDLL("libnvidia-ml.so.1")
    except OSError:
        return
    pytest.skip("this machine has NVIDIA's library")


@pytest.mark.parametrize(
    "resources",
    [Resources(), Resources(accelerators={"amd.com/gpu": 1, "nvidia.com/hostdev": 1})],
    ids=["no device", "no GPU of NVIDIA"],
)
def test_who_asks_for_no_device_gets_none_and_the_library_is_not_opened(
    resources: Resources,
) -> None:
    devices = claim_devices(asking(resources), may_be_shared=False)
    with devices.under_load() as seen:
        devices.begin_serving()

    assert {} == devices.facts() == devices.figures() == devices.figures_of_load(LOAD, seen, 9)
    assert devices.fault_behind() is None


@pytest.mark.usefixtures("no_library")
def test_a_promised_device_that_is_not_there_is_a_fault_of_hardware() -> None:
    with pytest.raises(TrialFailure) as raised:
        claim_devices(asking(DEVICE), may_be_shared=True)

    assert Cause.HARDWARE_FAULT is raised.value.cause
    assert "NVML Shared Library Not Found" in raised.value.message


@pytest.mark.usefixtures("no_library")
def test_a_trial_without_its_device_ends_before_it_has_begun(tmp_path: Path) -> None:
    trial = TrialProcess(tmp_path, saved(an_mlp(), tmp_path), "none.npz")
    report = trial.run(resources=DEVICE)

    assert (OutcomeKind.INFRASTRUCTURE, Cause.HARDWARE_FAULT) == (report.outcome, report.cause)
    assert Stage.LOAD is report.stage


def test_a_trial_image_without_the_package_is_to_be_mended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delitem(sys.modules, "deploytune_trial.devices.nvml", raising=False)
    monkeypatch.setitem(sys.modules, "pynvml", None)
    with pytest.raises(TrialFailure, match="nvidia-ml-py is not installed") as raised:
        claim_devices(asking(DEVICE), may_be_shared=False)

    assert OutcomeKind.MISCONFIGURED is raised.value.outcome


def test_memory_is_what_the_trial_has_added_at_its_peak() -> None:
    used = [a_reading(used_mib=mib) for mib in (100, 100, 5100, 900)]
    devices = claimed(PlayedDevice(used))
    with devices.under_load(), devices.under_load():
        pass

    assert 5000.0 == devices.figures()["gpu_memory_mib"]


def test_what_happens_between_loads_is_no_loads_figure() -> None:
    clocks = [a_reading(at, power_watts=watts) for at, watts in enumerate((0, 100, 100, 900, 900))]
    devices = claimed(PlayedDevice(clocks))
    with devices.under_load() as first:
        pass
    with devices.under_load() as second:
        pass

    assert 100.0 == devices.figures_of_load(LOAD, first, 1)[f"gpu_power_watts@{LOAD}"]
    assert 900.0 == devices.figures_of_load(LOAD, second, 1)[f"gpu_power_watts@{LOAD}"]


def test_what_was_seen_of_a_load_that_begins_again_is_forgotten() -> None:
    devices = claimed(PlayedDevice([a_reading(power_watts=watts) for watts in (0, 900, 100)]))
    with devices.under_load() as seen:
        seen.forget()

    assert [100.0] == [reading.power_watts for reading in seen.series[0]]


def test_the_devices_are_looked_at_while_they_serve() -> None:
    device = PlayedDevice()
    devices = claimed(device)
    devices.begin_serving()
    while device.looks < 4:
        pass


def test_a_device_that_is_lost_while_it_serves_ends_the_trial() -> None:
    device, told = PlayedDevice(), threading.Event()
    devices = claimed(device)
    devices.watch(lambda fault: told.set() if fault.cause is Cause.HARDWARE_FAULT else None)
    device.lost = True
    devices.begin_serving()

    assert told.wait(30)


def test_a_device_that_is_lost_under_load_is_a_fault_of_hardware() -> None:
    device = PlayedDevice()
    devices = claimed(device)
    with pytest.raises(TrialFailure, match="GPU is lost"), devices.under_load():
        device.lost = True


def test_a_failure_without_a_fault_is_the_configurations_own() -> None:
    devices = claimed(PlayedDevice(), events=PlayedEvents(31))
    devices.watch(lambda _: None)

    assert devices.fault_behind() is None


def test_where_no_faults_are_told_of_a_failure_looks_at_the_device_itself() -> None:
    def refuse() -> PlayedEvents:
        raise DeviceError("Insufficient Permissions")

    device = PlayedDevice()
    found = Found(device.identity, device.health(), device.read())
    devices = ClaimedDevices([device], [found], refuse)
    devices.watch(lambda _: None)
    device.now = Health(is_pending=True)
    fault = devices.fault_behind()

    assert fault is not None
    assert Cause.HARDWARE_FAULT is fault.cause


def test_the_report_says_what_the_devices_are_and_were() -> None:
    devices = claimed(PlayedDevice([a_reading(used_mib=700)]), PlayedDevice(uuid="GPU-2"))

    assert {
        "devices": 2,
        "deviceProduct": "A1",
        "deviceDriver": "570.1",
        "deviceIdleMib": 700,
        "deviceInUse": "700 MiB of its memory are in use before the trial begins",
    } == devices.facts()
