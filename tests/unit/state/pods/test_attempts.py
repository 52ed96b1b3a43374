"""A Pod as an attempt, and when its Events are worth asking for."""

from __future__ import annotations

import pytest
from builders import at
from pod_state_builders import BOUND, Json, a_condition, a_pod, ended, running, waiting

from deploytune.api.trial import EndRequest
from deploytune.state.pods.attempts import attempt_of, needs_warnings
from deploytune.state.pods.waits import WARNINGS_AFTER
from deploytune.state.world import Attempt, EndedBy, Place, WaitKind

NOW = at(1000.0)
LONG = WARNINGS_AFTER.total_seconds() + BOUND


def the_attempt(pod: Json, *, end_requested: EndRequest | None = None) -> Attempt:
    attempt = attempt_of(pod, NOW, end_requested=end_requested)
    assert attempt is not None
    return attempt


def test_an_attempt_that_runs_says_which_it_is_and_where() -> None:
    expected = Attempt(
        trial_index=7,
        attempt=2,
        started_at=at(BOUND),
        place=Place(
            pod="tune-7-2", node="node-1", image_id="sha256:0123", template="0123456789abcdef"
        ),
    )
    assert expected == the_attempt(a_pod("Running", running(), index="7", attempt="2"))


def test_an_attempt_without_a_node_began_when_its_pod_was_created() -> None:
    attempt = the_attempt(a_pod("Pending", node=None))
    assert at(0.0) == attempt.started_at
    assert attempt.wait is not None
    assert WaitKind.STARTING is attempt.wait.kind


def test_an_attempt_that_ended_without_a_node_began_at_its_end() -> None:
    attempt = the_attempt(a_pod("Pending", node=None, deletion=(30.0, 0)))
    assert at(30.0) == attempt.started_at == attempt.ended_at


def test_an_attempt_that_has_ended_does_not_wait() -> None:
    assert the_attempt(a_pod("Failed", waiting("ErrImagePull"))).wait is None


def test_an_attempt_that_is_being_deleted_says_so() -> None:
    place = the_attempt(a_pod("Running", running(), deletion=(990.0, 30))).place
    assert place is not None
    assert place.is_being_deleted


@pytest.mark.parametrize(
    ("attempt", "expected"),
    [(1, EndedBy.REQUEST), (0, EndedBy.DISRUPTION)],
    ids=["of this attempt", "of an earlier attempt"],
)
def test_a_request_to_end_counts_for_the_attempt_it_names(attempt: int, expected: EndedBy) -> None:
    pod = a_pod("Failed", ended(143), attempt="1", deletion=(60.0, 15))
    request = EndRequest(attempt=attempt, why="suspended")
    ending = the_attempt(pod, end_requested=request).ending
    assert ending is not None
    assert expected is ending.ended_by


@pytest.mark.parametrize("index", ["", "-1", "1.5", "x", "9" * 40], ids=repr)
def test_a_pod_whose_labels_say_no_number_is_no_attempt(index: str) -> None:
    assert attempt_of(a_pod(index=index), NOW) is None


WARNINGS = {
    "a container that is being made for long": (
        a_pod("Pending", waiting("ContainerCreating")),
        True,
    ),
    "a bound Pod of which no kubelet speaks": (a_pod("Pending"), True),
    "a container that says what it lacks": (a_pod("Pending", waiting("ErrImagePull")), False),
    "a container that runs": (a_pod("Running", running()), False),
    "a Pod without a node": (a_pod("Pending", node=None), False),
    "an end before anything ran": (
        a_pod("Failed", waiting("ContainerCreating"), reason="DeadlineExceeded"),
        True,
    ),
    "an end after a container ran": (a_pod("Failed", ended(1)), False),
    "a Pod that no node takes": (
        a_pod("Pending", node=None, conditions=[a_condition("PodScheduled", "False", since=1)]),
        False,
    ),
}


@pytest.mark.parametrize(("pod", "expected"), WARNINGS.values(), ids=WARNINGS.keys())
def test_events_are_asked_for_where_the_pod_does_not_say_why(pod: Json, expected: bool) -> None:  # noqa: FBT001 - the expected answer
    assert expected is needs_warnings(pod, at(LONG))


def test_events_are_not_asked_for_at_once() -> None:
    assert not needs_warnings(a_pod("Pending", waiting("ContainerCreating")), at(LONG - 1))
