"""The table of terminal reasons and conditions."""

from __future__ import annotations

import re

import pytest
from builders import at

from deploytune.api.conditions import Condition, Reason
from deploytune.state import conditions
from deploytune.state.conditions import TERMINAL, Course, conditions_of

ANSWERED = [Reason.BUDGET_EXHAUSTED, Reason.SPACE_EXHAUSTED, Reason.CONVERGED, Reason.STOPPED]
FAILED = [Reason.INVALID_SPEC, Reason.TOO_MANY_INFRASTRUCTURE_FAILURES]


def _shown(
    course: Course, *, feasible_found: bool = False, before: tuple[Condition, ...] = ()
) -> dict[str, tuple[str, str]]:
    found = conditions_of(before, course, feasible_found=feasible_found, now=at(0))
    return {condition.type: (condition.status.value, condition.reason) for condition in found}


def test_a_running_tuning_knows_nothing_for_sure() -> None:
    expected = {
        "Finished": ("False", "Running"),
        "Succeeded": ("Unknown", "Running"),
        "FeasibleFound": ("False", "NothingFeasibleYet"),
        "Progressing": ("True", "Running"),
        "Suspended": ("False", "NotSuspended"),
        "Degraded": ("False", "AsExpected"),
    }
    assert expected == _shown(Course())


@pytest.mark.parametrize("reason", ANSWERED)
def test_a_tuning_with_an_answer_succeeded(reason: Reason) -> None:
    expected = {
        "Finished": ("True", reason),
        "Succeeded": ("True", reason),
        "FeasibleFound": ("True", "FeasibleConfiguration"),
        "Progressing": ("False", reason),
        "Suspended": ("False", "NotSuspended"),
        "Degraded": ("False", "AsExpected"),
    }
    assert expected == _shown(Course(reason, is_finished=True), feasible_found=True)


def test_a_tuning_without_a_feasible_configuration_ended_as_it_should() -> None:
    reason = Reason.NO_FEASIBLE_CONFIGURATION
    expected = {
        "Finished": ("True", reason),
        "Succeeded": ("False", reason),
        "FeasibleFound": ("False", reason),
        "Progressing": ("False", reason),
        "Suspended": ("False", "NotSuspended"),
        "Degraded": ("False", "AsExpected"),
    }
    assert expected == _shown(Course(reason, is_finished=True))


@pytest.mark.parametrize("reason", FAILED)
def test_a_tuning_that_was_halted_is_degraded(reason: Reason) -> None:
    shown = _shown(Course(reason, "mend it", is_finished=True), feasible_found=True)
    assert ("True", reason) == shown["Finished"]
    assert ("False", reason) == shown["Succeeded"]
    assert ("True", "FeasibleConfiguration") == shown["FeasibleFound"]
    assert ("True", reason) == shown["Degraded"]


@pytest.mark.parametrize("reason", FAILED)
def test_a_halt_degrades_before_the_last_attempt_has_ended(reason: Reason) -> None:
    shown = _shown(Course(reason, "mend it"))
    assert ("False", "Running") == shown["Finished"]
    assert ("Unknown", "Running") == shown["Succeeded"]
    assert "True" == shown["Degraded"][0]


def test_a_status_that_stays_keeps_its_transition_time() -> None:
    first = conditions_of((), Course(), feasible_found=False, now=at(0))
    again = conditions_of(first, Course(), feasible_found=True, now=at(9))
    times = {condition.type: condition.last_transition_time for condition in again}
    assert times["Finished"] == first[0].last_transition_time
    assert times["FeasibleFound"] != first[0].last_transition_time


def test_the_docstring_has_every_terminal_reason() -> None:
    table = conditions.__doc__ or ""
    assert {reason.value for reason in TERMINAL} <= set(re.findall(r"\w+", table))


def test_what_is_foreseen_hides_not_what_pods_wait_for() -> None:
    course = Course(foreseen="no node has a=b", waits_for="Pod x waits: no GPU is free")
    found = conditions_of((), course, feasible_found=False, now=at(0))
    messages = {one.type: one.message for one in found}
    assert "no node has a=b; Pod x waits: no GPU is free" == messages["Progressing"]
