"""Tunings, namespaces and operators that go while a trial runs: nothing hangs, nothing is left."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from clusters.images import Image
from clusters.kubectl import Kubectl
from clusters.node_clusters import NodeCluster
from clusters.waiting import eventually
from node.operating import (
    Operated,
    a_pool,
    an_operated_cluster,
    patch_spec,
    status_of,
    until_attempts,
    until_busy,
    until_finished,
    until_gone,
)
from operator_processes import condition, held_pods, release_pods

KINDS = ("pods", "tuningtrials", "deploymenttunings")


@pytest.fixture
def operated(
    node_cluster: NodeCluster, deterministic_image: Image, tmp_path: Path
) -> Iterator[Operated]:
    """An operator on two namespaces."""
    with an_operated_cluster(node_cluster, deterministic_image, tmp_path, namespaces=2) as made:
        yield made


@pytest.fixture
def operated_everywhere(
    node_cluster: NodeCluster, deterministic_image: Image, tmp_path: Path
) -> Iterator[Operated]:
    """An operator on all namespaces there are and will be."""
    with an_operated_cluster(node_cluster, deterministic_image, tmp_path, everywhere=True) as made:
        yield made


def begin(operated: Operated, kubectl: Kubectl, name: str = "tune") -> None:
    """Apply a tuning, and wait until its first trial hangs."""
    kubectl.apply(operated.tuning(name, "hang-at-first", infra_retries=0, pools=[a_pool()]))
    until_busy(kubectl, f"{name}-0-0")


def test_a_tuning_deleted_in_the_middle_of_a_trial_leaves_nothing(operated: Operated) -> None:
    ways = dict(zip(operated.namespaces, ("background", "foreground"), strict=True))
    for kubectl, way in ways.items():
        begin(operated, kubectl)
        kubectl.run("delete", "deploymenttuning", "tune", f"--cascade={way}", "--wait=false")

    for kubectl in ways:
        until_gone(kubectl, *KINDS)


def test_a_namespace_deleted_in_the_middle_of_a_trial_goes(operated_everywhere: Operated) -> None:
    assert_namespace_goes(operated_everywhere)


def test_a_namespace_goes_although_the_operators_role_in_it_goes_too(operated: Operated) -> None:
    assert_namespace_goes(operated)


def test_a_suspended_tuning_frees_its_pool_and_resumed_runs_the_interrupted_trial_again(
    operated: Operated,
) -> None:
    kubectl = operated.kubectl
    whole = [a_pool(accelerators=2)]
    kubectl.apply(operated.tuning("tune", "hang-at-first", infra_retries=0, pools=whole))
    until_busy(kubectl, "tune-0-0")
    kubectl.apply(operated.tuning("other", "measure", pools=whole))

    patch_spec(kubectl, "tune", suspend=True)
    until_finished(kubectl, "other")

    assert ("True", "Suspended") == condition(kubectl, "Suspended")
    [interrupted] = until_attempts(kubectl, "tune-0", 1)
    assert ("Infrastructure", "Interrupted") == (interrupted["outcome"], interrupted["cause"])
    assert "outcome" not in status_of(kubectl, "tuningtrial", "tune-0")

    patch_spec(kubectl, "tune", suspend=False)
    status = until_finished(kubectl, "tune")

    attempts = status_of(kubectl, "tuningtrial", "tune-0")["attempts"]
    assert ["Infrastructure", "Feasible"] == [each["outcome"] for each in attempts]
    assert (1, {"Feasible": 1}) == (status["trials"], status["outcomes"])
    assert ("False", "NotSuspended") == condition(kubectl, "Suspended")


def test_an_operator_that_was_killed_and_uninstalled_leaves_nothing_that_hangs(
    operated: Operated, tmp_path: Path
) -> None:
    """One tuning is deleted while its Pod is still held, the other after the finalizers went."""
    first, second = operated.namespaces
    for kubectl in (first, second):
        begin(operated, kubectl)
    operated.operator.end(signal.SIGKILL)
    first.run("delete", "deploymenttuning", "tune", "--wait=false")
    until_gone(first, "tuningtrials", "deploymenttunings")
    assert ["tune-0-0"] == held_pods(first)

    names = [each.namespace for each in operated.namespaces]
    released = release_pods(operated.nodes.control_plane.access, tmp_path, names[0], *names)
    second.run("delete", "deploymenttuning", "tune", "--wait=false")

    assert (0, "2 Pods released\n") == (released.returncode, released.stdout)
    for kubectl in (first, second):
        until_gone(kubectl, *KINDS)


def assert_namespace_goes(operated: Operated) -> None:
    kubectl = operated.kubectl
    begin(operated, kubectl)
    kubectl.run("delete", "namespace", kubectl.namespace, "--wait=false")
    eventually(
        lambda: kubectl.get("namespace", kubectl.namespace) is None,
        "the end of the namespace",
        seconds=60,
    )
