"""What keeps Pods from running is said and waited for: mended, the tuning goes on by itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from clusters.access import Access
from clusters.kubectl import Kubectl
from clusters.namespaces import Namespace
from clusters.nodes import POOL_LABEL
from clusters.waiting import eventually
from operator_processes import (
    POOL,
    OperatorProcess,
    a_document,
    an_operator,
    condition,
    until_finished,
)
from tuning_courses import trials_of

pytestmark = pytest.mark.usefixtures("operator")

SMALL: Mapping[str, Any] = {"max_trials": 2, "confirmations": 0}
START_DEADLINE_SECONDS = 3
SOON_SECONDS = 20.0
QUOTA = {
    "apiVersion": "v1",
    "kind": "ResourceQuota",
    "metadata": {"name": "few"},
    "spec": {"hard": {"pods": "0"}},
}


@pytest.fixture
def operator(cluster: Access, namespace: Namespace, tmp_path: Path) -> Iterator[OperatorProcess]:
    with an_operator(cluster, tmp_path, namespace.name) as running:
        yield running


def waiting_for(label: str) -> dict[str, Any]:
    """A tuning whose pool has no node until one carries a label."""
    document = a_document(pools=[{**POOL, "nodeSelector": {label: "yes"}}], **SMALL)
    document["spec"]["trial"]["startDeadlineSeconds"] = START_DEADLINE_SECONDS
    return document


def only_pod(kubectl: Kubectl) -> dict[str, Any]:
    """Wait for the one Pod there is and return its metadata."""
    (pod,) = eventually(lambda: kubectl.items("pods"), "a Pod")
    metadata: dict[str, Any] = pod["metadata"]
    return metadata


def until_degraded(kubectl: Kubectl, reason: str) -> str:
    """Wait until it is said what is to be mended, before a heartbeat, and return the message."""
    eventually(lambda: trials_of(kubectl), "the first trial")
    said = lambda: condition(kubectl, "Degraded") == ("True", reason)  # noqa: E731 - a question
    eventually(said, f"Degraded: {reason}", seconds=SOON_SECONDS)
    conditions = (kubectl.get("deploymenttuning", "tune") or {})["status"]["conditions"]
    return next(str(one["message"]) for one in conditions if one["type"] == "Degraded")


def attempts_of(kubectl: Kubectl) -> list[list[tuple[str, str | None]]]:
    """Return how the attempts of each trial ended, and why."""
    attempts = (trial["status"]["attempts"] for trial in trials_of(kubectl))
    return [[(one["outcome"], one.get("cause")) for one in each] for each in attempts]


def test_a_pod_that_waits_past_its_start_deadline_is_kept_until_a_node_comes(
    cluster: Access, namespace: Namespace, kubectl: Kubectl, pretended_pools: list[str]
) -> None:
    label = f"{namespace.name}.example.com/node"
    kubectl.apply(waiting_for(label))
    waits = only_pod(kubectl)["uid"]

    message = until_degraded(kubectl, "PodUnschedulable")
    assert "tune-0-0" in message
    assert "node" in message
    assert waits == only_pod(kubectl)["uid"]
    assert "attempts" not in trials_of(kubectl)[0].get("status", {})
    assert 1 == len(trials_of(kubectl))

    cluster.kubectl.run("label", "node", pretended_pools[0], f"{label}=yes")
    tuning = until_finished(kubectl, seconds=100)

    assert "False" == condition(kubectl, "Degraded")[0]
    assert 2 == tuning["status"]["trials"]
    assert 2 == sum(len(each) for each in attempts_of(kubectl))


@pytest.mark.usefixtures("pretended_pools")
def test_a_mended_node_selector_replaces_the_pod_that_waits(kubectl: Kubectl) -> None:
    kubectl.apply(waiting_for("example.com/no-such-label"))
    waits = only_pod(kubectl)["uid"]
    until_degraded(kubectl, "PodUnschedulable")

    mended = waiting_for("example.com/no-such-label")
    mended["spec"]["nodePools"][0]["nodeSelector"] = {POOL_LABEL: "pool-1"}
    kubectl.apply(mended)
    until_finished(kubectl)

    assert waits not in {pod["metadata"]["uid"] for pod in kubectl.items("pods")}
    assert "False" == condition(kubectl, "Degraded")[0]
    first, second = attempts_of(kubectl)
    assert [("Infrastructure", "Interrupted")] == first[:-1]
    assert first[-1][0] in ("Feasible", "Infeasible")
    assert 1 == len(second)


@pytest.mark.timeout(200, func_only=True)
@pytest.mark.usefixtures("pretended_pools")
def test_a_quota_that_refuses_pods_is_said_and_once_raised_it_goes_on(kubectl: Kubectl) -> None:
    kubectl.apply(QUOTA)
    hard = lambda: (kubectl.get("resourcequota", "few") or {}).get("status", {}).get("hard")  # noqa: E731
    eventually(hard, "a quota in force")
    kubectl.apply(a_document(**SMALL))
    assert "exceeded quota: few" in until_degraded(kubectl, "PodRefused")
    assert [] == kubectl.items("pods")

    kubectl.apply({**QUOTA, "spec": {"hard": {"pods": "10"}}})
    tuning = until_finished(kubectl, seconds=100)

    assert "False" == condition(kubectl, "Degraded")[0]
    assert 2 == tuning["status"]["trials"]
    assert 2 == sum(len(each) for each in attempts_of(kubectl))
