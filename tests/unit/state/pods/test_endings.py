"""What no cluster here brings about, and what depends on moments: who ended a Pod, and when."""

from __future__ import annotations

from datetime import timedelta

import pytest
from builders import a_breadcrumb, a_report, at
from pod_state_builders import (
    BOUND,
    FINISHED,
    Json,
    a_condition,
    a_container_status,
    a_pod,
    ended,
    moment,
    not_started,
    running,
    waiting,
)

from deploytune.state.pods.endings import (
    DELETED_MARGIN,
    DISRUPTED_MARGIN,
    OUTLIVED_MARGIN,
    OVERDUE_MARGIN,
    ending_of,
)
from deploytune.state.pods.readings import read_pod
from deploytune.state.world import EndedBy, Ending

NOW = at(10_000.0)
LATER = FINISHED + 1
EARLIER = FINISHED - 1


def the_ending(pod: Json, *, seconds: float | None = None, end_requested: bool = False) -> Ending:
    now = NOW if seconds is None else at(seconds)
    ending = ending_of(read_pod(pod), now, end_requested=end_requested)
    assert ending is not None
    return ending


def disrupted(reason: str, since: float, kind: str = "DisruptionTarget") -> Json:
    return a_condition(kind, since=since, reason=reason, message="it must go")


ENDED_BY = {
    "a device plugin that cannot give the device": (
        a_pod("Failed", reason="UnexpectedAdmissionError", message="Allocate failed"),
        EndedBy.DISRUPTION,
    ),
    "more than one share of a time-sliced device": (
        a_pod(
            "Failed",
            reason="UnexpectedAdmissionError",
            message="Allocate failed due to maximum request size for shared resources is 1",
        ),
        EndedBy.SETTING,
    ),
    "no room for its devices on one socket": (
        a_pod("Failed", reason="TopologyAffinityError"),
        EndedBy.DISRUPTION,
    ),
    "a node that shuts down before it starts": (
        a_pod("Failed", reason="NodeShutdown"),
        EndedBy.DISRUPTION,
    ),
    "a node that shuts down while it runs": (
        a_pod(
            "Failed",
            ended(143),
            reason="Terminated",
            conditions=[disrupted("TerminationByKubelet", LATER)],
        ),
        EndedBy.DISRUPTION,
    ),
    "a critical Pod of the node that takes its place": (
        a_pod("Failed", ended(137), reason="Preempting"),
        EndedBy.DISRUPTION,
    ),
    "a node controller that gave its node up": (
        a_pod("Failed", running(), reason="NodeLost"),
        EndedBy.DISRUPTION,
    ),
    "a refusal for a reason of a later kubelet": (
        a_pod("Failed", reason="SomethingNew", message="no"),
        EndedBy.DISRUPTION,
    ),
    "Kueue that takes its quota back": (
        a_pod("Failed", ended(137), conditions=[disrupted("Preempted", 30, "TerminationTarget")]),
        EndedBy.DISRUPTION,
    ),
    "a taint of its device": (
        a_pod("Failed", ended(137), conditions=[disrupted("DeletionByDeviceTaintManager", 30)]),
        EndedBy.DISRUPTION,
    ),
    "a disruption that was taken back": (
        a_pod(
            "Failed",
            ended(1),
            conditions=[a_condition("DisruptionTarget", "False", since=30, reason="Preemption")],
        ),
        EndedBy.NOBODY,
    ),
    "a drain after its end": (
        a_pod("Failed", ended(1), conditions=[disrupted("EvictionByEvictionAPI", LATER)]),
        EndedBy.NOBODY,
    ),
    "a drain in the second of its end": (
        a_pod("Failed", ended(1), conditions=[disrupted("EvictionByEvictionAPI", FINISHED)]),
        EndedBy.DISRUPTION,
    ),
    "node pressure, said by a kubelet after the end": (
        a_pod(
            "Failed",
            ended(137),
            reason="Evicted",
            conditions=[disrupted("TerminationByKubelet", LATER)],
        ),
        EndedBy.DISRUPTION,
    ),
    "an eviction for its own disk, and a drain after it": (
        a_pod(
            "Failed",
            ended(137),
            reason="Evicted",
            conditions=[disrupted("EvictionByEvictionAPI", LATER)],
        ),
        EndedBy.OWN_DISK,
    ),
    "a deletion while it ran": (
        a_pod("Failed", ended(143), deletion=(EARLIER, 15)),
        EndedBy.DISRUPTION,
    ),
    "a deletion after its end": (
        a_pod("Failed", ended(1), deletion=(LATER, 0)),
        EndedBy.NOBODY,
    ),
    "a container that a reboot took": (
        a_pod("Failed", ended(255, "Unknown")),
        EndedBy.DISRUPTION,
    ),
    "a container of which nothing is known": (
        a_pod("Failed", ended(137, "ContainerStatusUnknown")),
        EndedBy.DISRUPTION,
    ),
    "its own exit code 255": (a_pod("Failed", ended(255)), EndedBy.NOBODY),
    "a deadline while its image is pulled": (
        a_pod("Failed", waiting("ContainerCreating"), reason="DeadlineExceeded"),
        EndedBy.DISRUPTION,
    ),
    "a deadline with a wrong image": (
        a_pod("Failed", waiting("ImagePullBackOff"), reason="DeadlineExceeded"),
        EndedBy.SETTING,
    ),
}


@pytest.mark.parametrize(("pod", "expected"), ENDED_BY.values(), ids=ENDED_BY.keys())
def test_an_end_is_somebodys(pod: Json, expected: EndedBy) -> None:
    assert expected is the_ending(pod).ended_by


START_ERRORS = {
    "no such program": (
        'exec: "/opt/nvidia/serve": stat /opt/nvidia/serve: no such file or directory: unknown',
        EndedBy.COMMAND,
    ),
    "no such folder to work in": (
        'OCI runtime create failed: chdir to cwd ("/work") failed: no such file or directory',
        EndedBy.COMMAND,
    ),
    "another machine's program": ("exec /bin/serve: exec format error", EndedBy.COMMAND),
    "no driver": (
        "error running hook #0: nvidia-container-cli: nvml error: driver not loaded: unknown",
        EndedBy.DEVICE,
    ),
    "a driver too old for the image": (
        "nvidia-container-cli: requirement error: unsatisfied condition: cuda>=12.8, please update",
        EndedBy.SETTING,
    ),
    "a hook that lacks a file": (
        "error running hook #0: fork/exec /usr/bin/toolkit: no such file or directory",
        EndedBy.DEVICE,
    ),
    "an unknown CDI device": (
        "CDI device injection failed: unresolvable CDI devices vendor.com/gpu=0",
        EndedBy.DEVICE,
    ),
    "a full node": ("mkdir /run/x: no space left on device: unknown", EndedBy.DISRUPTION),
    "a runtime that does not answer": ("ttrpc: closed: unknown", EndedBy.DISRUPTION),
}


@pytest.mark.parametrize(("text", "expected"), START_ERRORS.values(), ids=START_ERRORS.keys())
def test_what_kept_a_container_from_starting_is_in_its_runtimes_words(
    text: str, expected: EndedBy
) -> None:
    ending = the_ending(a_pod("Failed", not_started(text)))
    assert (expected, b"") == (ending.ended_by, ending.message)
    assert text in ending.detail


def test_only_containers_of_the_trial_are_out_of_memory_for_it() -> None:
    of_the_trial = a_pod("Failed", ended(7, "OOMKilled"), ended(0, "Completed", name="injected"))
    of_its_init = a_pod("Failed", initContainerStatuses=[ended(1, "OOMKilled", name="trial-init")])
    of_another = a_pod("Failed", ended(0, "Completed"), ended(137, "OOMKilled", name="injected"))
    found = [the_ending(pod).out_of_memory for pod in (of_the_trial, of_its_init, of_another)]
    assert [True, True, False] == found


def test_the_message_is_that_of_the_trials_container_as_bytes() -> None:
    word = a_breadcrumb()
    pod = a_pod("Failed", ended(1, message="not this", name="x"), ended(1, message=word.decode()))
    assert word == the_ending(pod).message


def test_a_pod_that_runs_or_waits_has_not_ended() -> None:
    for pod in (a_pod("Running", running()), a_pod("Pending", waiting("ImagePullBackOff")), {}):
        assert ending_of(read_pod(pod), NOW) is None


@pytest.mark.parametrize(
    ("conditions", "margin"),
    [
        ([disrupted("DeletionByTaintManager", 30)], DISRUPTED_MARGIN),
        ([], DELETED_MARGIN),
    ],
    ids=["disrupted", "just deleted"],
)
def test_a_pod_that_its_node_should_have_ended_is_lost_with_it(
    conditions: list[Json], margin: timedelta
) -> None:
    pod = a_pod("Running", running(), deletion=(30.0, 15), conditions=conditions)
    due = at(45.0)
    assert ending_of(read_pod(pod), due + margin) is None
    ending = the_ending(pod)
    assert (EndedBy.DISRUPTION, None) == (ending.ended_by, ending.exit_code)
    assert 45.0 - BOUND == ending.seconds


def test_a_pod_long_past_its_deadline_is_lost_with_its_node() -> None:
    """Only a kubelet enforces the deadline, and a pool may tolerate a lost node for ever."""
    pod = a_pod("Running", running(), deadline=60)
    pod["status"]["startTime"] = moment(10)
    due = at(70.0) + OVERDUE_MARGIN
    assert ending_of(read_pod(pod), due) is None
    ending = ending_of(read_pod(pod), due + timedelta(seconds=1))
    assert ending is not None
    assert (EndedBy.DISRUPTION, 70.0 - BOUND) == (ending.ended_by, ending.seconds)


def test_a_pod_deleted_before_it_had_a_node_has_ended_and_held_nothing() -> None:
    pod = a_pod("Pending", node=None, deletion=(30.0, 0))
    ending = the_ending(pod, seconds=30.0)
    assert (EndedBy.DISRUPTION, 0.0) == (ending.ended_by, ending.seconds)


@pytest.mark.parametrize("node", [None, "node-1"], ids=["without a node", "on its node"])
def test_a_deletion_of_ours_is_our_request(node: str | None) -> None:
    pod = a_pod("Failed", ended(143), node=node, deletion=(EARLIER, 15))
    assert EndedBy.REQUEST is the_ending(pod, end_requested=True).ended_by


def test_our_request_did_not_end_what_had_ended() -> None:
    never_deleted = a_pod("Failed", ended(1))
    deleted_later = a_pod("Failed", ended(1), deletion=(LATER, 0))
    for pod in (never_deleted, deleted_later):
        assert EndedBy.NOBODY is the_ending(pod, end_requested=True).ended_by


def test_a_trial_has_ended_when_only_an_injected_container_runs_on() -> None:
    pod = a_pod("Running", ended(0, message=a_report().decode()), running("injected"))
    margin = OUTLIVED_MARGIN.total_seconds()
    assert ending_of(read_pod(pod), at(FINISHED + margin)) is None
    ending = the_ending(pod, seconds=FINISHED + margin + 1)
    assert (EndedBy.NOBODY, 0, FINISHED - BOUND) == (
        ending.ended_by,
        ending.exit_code,
        ending.seconds,
    )


def test_seconds_run_from_the_node_to_the_last_own_container() -> None:
    pod = a_pod("Failed", ended(1, finished=40.0), ended(0, name="injected", finished=90.0))
    assert 40.0 - BOUND == the_ending(pod).seconds


def test_a_node_whose_clock_is_behind_makes_no_negative_seconds() -> None:
    assert the_ending(a_pod("Failed", ended(1, finished=-300.0))).seconds == 0.0


def test_a_node_whose_clock_is_ahead_ends_nothing_later_than_now() -> None:
    assert the_ending(a_pod("Failed", ended(1, finished=900.0)), seconds=100.0).seconds == 98.0


def test_a_deadline_that_came_before_a_container_ended_it_at_the_deadline() -> None:
    pod = a_pod("Failed", waiting("ErrImagePull"), reason="DeadlineExceeded", deadline=60)
    pod["status"]["startTime"] = moment(10)
    assert 70.0 - BOUND == the_ending(pod).seconds


def test_what_has_no_times_at_all_held_its_node_for_no_time() -> None:
    pod: Json = {"spec": {"nodeName": "n"}, "status": {"phase": "Failed"}}
    assert the_ending(pod).seconds == 0.0


def test_a_container_without_a_known_end_has_no_exit_code() -> None:
    pod = a_pod("Failed", a_container_status("trial"), reason="NodeLost")
    assert the_ending(pod).exit_code is None
