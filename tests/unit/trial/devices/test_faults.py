from __future__ import annotations

import threading

import pytest
from device_builders import PlayedEvents

from deploytune.contract.outcomes import Cause
from deploytune_trial.devices.faults import (
    ENDING_XIDS,
    EXPLAINING_XIDS,
    fault_that_ends,
    fault_that_explains,
)
from deploytune_trial.devices.readings import DeviceError
from deploytune_trial.devices.watching import FaultWatch
from deploytune_trial.failures import TrialFailure

OF_THE_PROGRAM = (13, 31, 43, 45, 68, 109)


@pytest.mark.parametrize("xid", sorted({48, 63, 64, 74, 79, 94, 95}))
def test_a_known_fault_of_the_device_explains_a_failure(xid: int) -> None:
    fault = fault_that_explains([13, xid])

    assert fault is not None
    assert Cause.HARDWARE_FAULT is fault.cause
    assert fault.message.startswith(f"Xid {xid} of a device: ")


@pytest.mark.parametrize("xid", [*OF_THE_PROGRAM, 1, 99999])
def test_a_fault_of_the_program_or_an_unknown_one_does_not(xid: int) -> None:
    assert fault_that_explains([xid]) is None
    assert fault_that_ends(xid) is None


@pytest.mark.parametrize("xid", EXPLAINING_XIDS)
def test_a_trial_may_live_through(xid: int) -> None:
    assert fault_that_ends(xid) is None


def test_no_fault_is_of_both_kinds() -> None:
    assert set() == ENDING_XIDS.keys() & EXPLAINING_XIDS.keys()


def test_the_fault_that_ends_explains_before_the_one_that_need_not() -> None:
    fault = fault_that_explains([63, 79])
    assert fault is not None
    assert "Xid 79" in fault.message


class Trial:
    """Whoever is told that a device cannot go on, and waits for it."""

    def __init__(self) -> None:
        self.fault: TrialFailure | None = None
        self.is_told = threading.Event()

    def fail(self, fault: TrialFailure) -> None:
        self.fault = fault
        self.is_told.set()


def test_a_device_that_cannot_go_on_ends_the_trial() -> None:
    trial = Trial()
    FaultWatch(PlayedEvents(13, 79), trial.fail)

    assert trial.is_told.wait(30)
    assert trial.fault is not None
    assert "Xid 79" in trial.fault.message


def test_devices_that_do_not_answer_end_the_trial() -> None:
    trial = Trial()
    FaultWatch(PlayedEvents(DeviceError("GPU is lost")), trial.fail)

    assert trial.is_told.wait(30)
    assert trial.fault is not None
    assert Cause.HARDWARE_FAULT is trial.fault.cause


def test_a_fault_told_of_a_moment_late_explains_the_failure() -> None:
    watch = FaultWatch(PlayedEvents(63), Trial().fail)

    fault = watch.explanation(patience_seconds=30)
    assert fault is not None
    assert "Xid 63" in fault.message


def test_faults_of_the_program_are_kept_for_the_record() -> None:
    heard = threading.Event()
    watch = FaultWatch(PlayedEvents(31, 13, then=heard.set), Trial().fail)

    assert heard.wait(30)
    assert (31, 13) == watch.xids
    assert watch.explanation(patience_seconds=0) is None
