"""Trials with a device, through a real Triton; the device is pretended, the model runs on the CPU.

What a real device does to a trial is for `tests/gpu`.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from pretended_devices import PretendedDevices, find_compiler
from trial_builders import LOAD, a_closed_loop, metrics_of_devices
from trial_processes import TrialProcess

from deploytune.contract.limits import Limit
from deploytune.contract.metrics import metric_key
from deploytune.contract.outcomes import Cause, OutcomeKind
from deploytune.contract.request import Resources
from deploytune.contract.stages import Stage

pytestmark = pytest.mark.triton

HARDWARE_FAULT = (OutcomeKind.INFRASTRUCTURE, Cause.HARDWARE_FAULT)
POWER = metric_key("gpu_power_watts", LOAD)
ENERGY = metric_key("gpu_energy_per_inference_joules", LOAD)
WITHOUT_END = a_closed_loop(window_requests=100_000)


@pytest.fixture
def devices(trial: TrialProcess, tmp_path: Path) -> PretendedDevices:
    compiler = find_compiler()
    if compiler is None:
        pytest.skip("no compiler of C for the pretended library")
    devices = PretendedDevices(tmp_path / "devices", compiler)
    trial.variables |= devices.variables
    trial.request["resources"] = Resources(accelerators={"nvidia.com/gpu": 1})
    trial.request["parameters"] = {"executionProvider": "CPU"}  # else what is pretended would run
    return devices


def test_a_trial_with_a_device_measures_it(trial: TrialProcess, devices: PretendedDevices) -> None:
    devices.say(reserved_mib=600, reasons=4)
    trial.start()
    trial.wait_for_stage(Stage.SERVE)
    devices.say(used_mib=2003, percent=40)
    report = trial.report()
    values = {key: measurement.value for key, measurement in report.metrics.items()}

    assert OutcomeKind.FEASIBLE is report.outcome
    assert metrics_of_devices() <= values.keys()
    assert 2000.0 == values["gpu_memory_mib"]
    assert 300.0 == pytest.approx(values[POWER], rel=0.01)
    assert 300.0 == pytest.approx(values[ENERGY] * values[metric_key("throughput", LOAD)], rel=0.3)
    assert 0.4 == pytest.approx(values[metric_key("gpu_utilisation", LOAD)])
    assert (0.75, 1.0) == (values["gpu_clock_share"], values["gpu_throttled_share"])
    assert ("Pretended A1", "570.86.15", "12.8") == tuple(
        report.facts[name] for name in ("deviceProduct", "deviceDriver", "deviceCuda")
    )


def test_a_slice_of_a_device_tells_no_power(trial: TrialProcess, devices: PretendedDevices) -> None:
    devices.say(slices=1)
    report = trial.run()

    assert OutcomeKind.FEASIBLE is report.outcome
    assert "1g.5gb" == report.facts["deviceMig"]
    assert {"gpu_memory_mib", "gpu_clock_share", "gpu_throttled_share"} == (
        metrics_of_devices() & report.metrics.keys()
    )


def test_a_limit_on_what_a_device_does_not_tell_is_not_met(
    trial: TrialProcess, devices: PretendedDevices
) -> None:
    devices.say(no_power=1, no_energy=1)
    report = trial.run(limits=[Limit(metric=POWER, max=1000)])

    assert (OutcomeKind.INVALID, Cause.METRIC_MISSING) == (report.outcome, report.cause)


def test_two_devices_are_not_one(trial: TrialProcess, devices: PretendedDevices) -> None:
    devices.say(count=1)
    report = trial.run(resources=Resources(accelerators={"nvidia.com/gpu": 2}))

    assert HARDWARE_FAULT == (report.outcome, report.cause)
    assert "asked for 2 devices of NVIDIA, 1 visible" in report.message


def test_a_device_that_is_let_go_of_is_waited_for(
    trial: TrialProcess, devices: PretendedDevices
) -> None:
    devices.say(used_mib=40_000)
    trial.start()
    trial.wait_for_stage(Stage.LOAD)
    devices.say(used_mib=3)

    assert OutcomeKind.FEASIBLE is trial.report().outcome


def test_a_device_that_falls_off_the_bus_ends_the_trial(
    trial: TrialProcess, devices: PretendedDevices
) -> None:
    trial.workload["loads"] = [WITHOUT_END]
    trial.start()
    trial.wait_for_stage(Stage.MEASURE)
    devices.say(xid=79)
    report = trial.report()

    assert HARDWARE_FAULT == (report.outcome, report.cause)
    assert Stage.MEASURE is report.stage
    assert "Xid 79" in report.message
    assert "79" == report.facts["deviceXids"]
    assert [] == trial.shared_memory()


def test_a_device_that_does_not_answer_any_more_ends_the_trial(
    trial: TrialProcess, devices: PretendedDevices
) -> None:
    devices.say(no_events=1)
    trial.workload["loads"] = [WITHOUT_END]
    trial.start()
    trial.wait_for_stage(Stage.MEASURE)
    devices.say(lost=1)

    report = trial.report()
    assert HARDWARE_FAULT == (report.outcome, report.cause)


def kill_a_stub(trial: TrialProcess) -> None:
    stub = next(
        one for one in trial.descendants() if "stub" in Path(f"/proc/{one}/exe").readlink().name
    )
    os.kill(stub, signal.SIGKILL)


@pytest.mark.parametrize(
    ("xid", "expected"),
    [
        pytest.param(63, HARDWARE_FAULT, id="a fault of the device"),
        pytest.param(31, (OutcomeKind.CRASHED, Cause.SERVER_FAILED), id="a fault of the program"),
    ],
)
def test_a_server_that_fails_beside_a_fault_has_failed_of(
    trial: TrialProcess, devices: PretendedDevices, xid: int, expected: tuple[object, object]
) -> None:
    trial.workload["loads"] = [WITHOUT_END]
    trial.start()
    trial.wait_for_stage(Stage.MEASURE)
    devices.say(xid=xid)
    kill_a_stub(trial)
    report = trial.report()

    assert expected == (report.outcome, report.cause)
    assert str(xid) == report.facts["deviceXids"]
