from __future__ import annotations

import pytest
from device_builders import a_found_device

from deploytune.contract.outcomes import Cause, OutcomeKind
from deploytune_trial.devices.fitness import (
    Found,
    why_broken_since,
    why_not_visible,
    why_too_few,
    why_unfit,
)
from deploytune_trial.devices.readings import Health
from deploytune_trial.failures import TrialFailure


def said_by(failure: TrialFailure | None) -> str:
    assert failure is not None
    assert (OutcomeKind.INFRASTRUCTURE, Cause.HARDWARE_FAULT) == (failure.outcome, failure.cause)
    return failure.message


def test_fewer_devices_than_were_asked_for_are_a_fault_of_hardware() -> None:
    assert "asked for 2 devices of NVIDIA, 1 visible" == said_by(why_too_few(2, 1))


def test_as_many_as_were_asked_for_are_enough() -> None:
    assert why_too_few(2, 2) is None


def test_a_node_that_gives_no_device_is_told_where_to_look() -> None:
    said = said_by(why_not_visible(1, "NVML: NVML Shared Library Not Found"))

    assert said.startswith("asked for 1 device of NVIDIA, none visible (NVML: NVML Shared")
    assert "runtimeClassName" in said


UNFIT = [
    pytest.param(
        a_found_device(used_mib=300), "300 MiB of its memory are in use", id="memory in use"
    ),
    pytest.param(
        a_found_device(used_mib=0, utilisation=0.5), "it is busy 50% of the time", id="busy"
    ),
    pytest.param(
        a_found_device(health=Health(has_failed_remapping=True)),
        "could not be replaced",
        id="broken memory",
    ),
    pytest.param(
        a_found_device(health=Health(needs_recovery=True)), "asks for a reset", id="wants a reset"
    ),
]


@pytest.mark.parametrize(("found", "expected"), UNFIT)
def test_a_trial_does_not_begin_on(found: Found, expected: str) -> None:
    said = said_by(why_unfit([a_found_device("GPU-0"), found], may_be_shared=False))

    assert said.startswith("device GPU-1: ")
    assert expected in said


@pytest.mark.parametrize(
    "found",
    [
        pytest.param(a_found_device(used_mib=200, utilisation=0.01), id="an idle device"),
        pytest.param(a_found_device(used_mib=900, is_exact=False), id="the driver's own share"),
        pytest.param(a_found_device(), id="a device that tells nothing"),
        pytest.param(
            a_found_device(health=Health(is_pending=True)), id="a row to be replaced at a reset"
        ),
    ],
)
def test_a_trial_begins_on(found: Found) -> None:
    assert why_unfit([found], may_be_shared=False) is None


def test_where_others_may_use_it_a_device_in_use_will_do() -> None:
    assert why_unfit([a_found_device(used_mib=9000)], may_be_shared=True) is None


def test_where_others_may_use_it_a_broken_device_will_not_do() -> None:
    broken = a_found_device(health=Health(has_failed_remapping=True))

    assert why_unfit([broken], may_be_shared=True) is not None


def test_a_row_that_is_to_be_replaced_since_was_an_error_of_the_device() -> None:
    found = a_found_device(health=Health(is_pending=False))

    assert "could not be corrected" in said_by(why_broken_since(found, Health(is_pending=True)))
    assert why_broken_since(found, Health(is_pending=False)) is None


def test_a_row_that_was_to_be_replaced_before_explains_nothing() -> None:
    found = a_found_device(health=Health(is_pending=True))

    assert why_broken_since(found, Health(is_pending=True)) is None
