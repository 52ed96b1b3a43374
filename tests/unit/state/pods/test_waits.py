"""Why a Pod waits, where it depends on more than one recorded Pod shows."""

from __future__ import annotations

import pytest
from builders import at
from pod_state_builders import BOUND, Json, a_condition, a_pod, ended, moment, running, waiting

from deploytune.state.pods.readings import read_pod
from deploytune.state.pods.waits import wait_of
from deploytune.state.world import Wait, WaitKind


def the_wait(pod: Json, *warnings: str) -> Wait:
    wait = wait_of(read_pod(pod), warnings)
    assert wait is not None
    return wait


def test_the_latest_warning_that_names_a_cause_is_the_cause() -> None:
    pod = a_pod("Pending", waiting("ContainerCreating"))
    wait = the_wait(pod, "MissingClusterDNS: x", "FailedMount: newer", "FailedMount: older")
    assert Wait(WaitKind.VOLUME, "FailedMount: newer", at(BOUND)) == wait


def test_what_the_container_says_comes_before_old_warnings() -> None:
    pod = a_pod("Pending", waiting("ErrImagePull", "not found"))
    wait = the_wait(pod, "FailedMount: was not there for a moment")
    assert (WaitKind.IMAGE, True) == (wait.kind, "not found" in wait.message)


def test_an_injected_container_holds_the_trial_back_too() -> None:
    injected = waiting("CreateContainerConfigError", "no secret", name="injected")
    pod = a_pod("Pending", waiting("PodInitializing"), initContainerStatuses=[injected])
    assert WaitKind.CONTAINER_CONFIG is the_wait(pod).kind


def test_a_trial_that_runs_or_has_ended_does_not_wait_whatever_else_does() -> None:
    sidecar = waiting("ImagePullBackOff", name="injected")
    for trial in (running(), ended(0)):
        assert wait_of(read_pod(a_pod("Pending", trial, sidecar))) is None


@pytest.mark.parametrize(
    ("labels", "since"),
    [({"kueue.x-k8s.io/queue-name": "gpus"}, 500.0), ({}, 1.0)],
    ids=["as gated before", "as never gated"],
)
def test_time_behind_a_gate_is_no_waiting_for_a_node(labels: dict[str, str], since: float) -> None:
    unschedulable = a_condition("PodScheduled", "False", since=1.0, reason="Unschedulable")
    pod = a_pod("Pending", node=None, conditions=[unschedulable])
    pod["metadata"]["labels"] |= labels
    pod["metadata"]["managedFields"] = [{"manager": "kube-scheduler", "time": moment(500)}]
    assert (WaitKind.UNSCHEDULABLE, at(since)) == (the_wait(pod).kind, the_wait(pod).since)


def test_a_message_without_end_is_cut() -> None:
    assert len(the_wait(a_pod("Pending", waiting("ErrImagePull", "x" * 5000))).message) == 1024
