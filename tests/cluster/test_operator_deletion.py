"""What goes when a tuning, a trial, a namespace or the operator itself is taken away."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from clusters.access import Access
from clusters.kubectl import Kubectl
from clusters.namespaces import Namespace, new_namespace
from clusters.waiting import eventually
from operator_processes import (
    FOR_EVER,
    LEASE,
    OperatorProcess,
    a_document,
    an_operator,
    held_pods,
    release_pods,
    until_finished,
    until_running,
)

pytestmark = pytest.mark.usefixtures("pretended_pools")


@pytest.mark.usefixtures("operator")
def test_a_finished_tuning_is_deleted_when_its_time_to_live_is_over(kubectl: Kubectl) -> None:
    kubectl.apply(a_document(spec={"ttlSecondsAfterFinished": 1}))
    eventually(lambda: trials_of(kubectl), "its trials")

    eventually(lambda: kubectl.get("deploymenttuning", "tune") is None, "the tuning's end")

    eventually(lambda: nothing_is_left(kubectl), "the end of its trials and Pods")


@pytest.mark.usefixtures("operator")
@pytest.mark.parametrize("cascade", ["background", "foreground"])
def test_a_tuning_deleted_amid_a_trial_leaves_nothing(kubectl: Kubectl, cascade: str) -> None:
    kubectl.apply(a_document(runs_for=FOR_EVER))
    until_running(kubectl)

    kubectl.run("delete", "deploymenttuning", "tune", f"--cascade={cascade}", "--wait=false")

    eventually(lambda: kubectl.get("deploymenttuning", "tune") is None, "the tuning's end")
    eventually(lambda: nothing_is_left(kubectl), "the end of its trials and Pods")


@pytest.mark.usefixtures("operator")
def test_a_tuning_deleted_amid_a_trial_may_come_back_under_its_name(kubectl: Kubectl) -> None:
    kubectl.apply(a_document(runs_for=FOR_EVER))
    until_running(kubectl)
    kubectl.run("delete", "deploymenttuning", "tune", "--wait=false")
    eventually(lambda: kubectl.get("deploymenttuning", "tune") is None, "the tuning's end")

    kubectl.apply(a_document())

    assert 5 == until_finished(kubectl)["status"]["trials"]


@pytest.mark.usefixtures("operator")
def test_a_trial_deleted_by_its_user_lets_its_pod_go(kubectl: Kubectl) -> None:
    kubectl.apply(a_document(runs_for=FOR_EVER))
    uid = until_running(kubectl)["metadata"]["uid"]

    kubectl.run("delete", "tuningtrial", "tune-0", "--wait=false")

    def is_gone() -> bool:
        return uid not in {pod["metadata"]["uid"] for pod in kubectl.items("pods")}

    eventually(is_gone, "the end of its Pod")


def test_a_namespace_deleted_amid_a_trial_is_gone(
    cluster: Access, namespace: Namespace, tmp_path: Path
) -> None:
    with new_namespace(cluster) as going:
        watched = (namespace.name, going.name)
        with an_operator(cluster, tmp_path, *watched, home=namespace.name):
            going.kubectl.apply(a_document(runs_for=FOR_EVER))
            until_running(going.kubectl)

            cluster.kubectl.run("delete", "namespace", going.name, "--wait=false")

            eventually(lambda: cluster.kubectl.get("namespace", going.name) is None, "its end")


def test_an_uninstalled_operator_leaves_nothing_that_hangs(
    cluster: Access,
    namespace: Namespace,
    kubectl: Kubectl,
    operator: OperatorProcess,
    tmp_path: Path,
) -> None:
    kubectl.apply(a_document(runs_for=FOR_EVER))
    until_running(kubectl)
    operator.stop()

    released = release_pods(cluster, tmp_path, namespace.name, namespace.name)

    assert (0, "1 Pods released") == (released.returncode, released.stdout.strip())
    assert [] == held_pods(kubectl)
    assert kubectl.get("lease", LEASE) is None
    cluster.kubectl.run("delete", "namespace", namespace.name, "--wait=false")
    eventually(lambda: cluster.kubectl.get("namespace", namespace.name) is None, "its end")


def trials_of(kubectl: Kubectl) -> list[dict[str, Any]]:
    return kubectl.items("tuningtrials")


def nothing_is_left(kubectl: Kubectl) -> bool:
    return trials_of(kubectl) == [] and kubectl.items("pods") == []
