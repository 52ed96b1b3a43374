"""Pools of nodes with devices at a real API server; the nodes, where there are any, pretend."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from api_builders import edited, parsed
from clusters.access import Access
from clusters.kubectl import Kubectl
from clusters.namespaces import Namespace
from clusters.nodes import ACCELERATOR, POOL_LABEL
from clusters.waiting import eventually
from manifest_builders import OPTIONS, a_trial_of
from operator_processes import FOR_EVER, a_document, an_account, an_operator_as, condition
from pool_examples import EXAMPLES, a_tuning_on

from deploytune.api.rbac import Installation
from deploytune.api.trial import AttemptRecord
from deploytune.contract.outcomes import Cause, OutcomeKind
from deploytune.state.pods.manifest import build_pod
from deploytune.state.requests import build_request

CREATE = ("create", "--dry-run=server", "--validate=strict", "--filename=-")


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_and_its_pods_are_accepted(namespace: Namespace, example: str) -> None:
    """The Pods are those of a second attempt, whose first one failed of a node's device."""
    document = edited("metadata.namespace", namespace.name, a_tuning_on(example))
    namespace.kubectl.run(*CREATE, document=json.dumps(document))
    tuning = parsed(document)
    failed = AttemptRecord(
        attempt=0,
        outcome=OutcomeKind.INFRASTRUCTURE,
        cause=Cause.HARDWARE_FAULT,
        node="gpu-node-1",
    )
    for pool in tuning.spec.node_pools:
        trial = a_trial_of(tuning, pool.name)
        status = trial.status.replace(attempts=(failed,))
        trial = trial.model_copy(update={"status": status})
        pod = build_pod(tuning, trial, build_request(tuning, trial, 1), OPTIONS)
        namespace.kubectl.run(*CREATE, document=json.dumps(pod))


@pytest.fixture
def a_node_that_shares(cluster: Access, pretended_pools: Sequence[str]) -> Iterator[str]:
    """A pretended node, which says so by the suffix that no affinity can exclude."""
    node = pretended_pools[0]
    product = "nvidia.com/gpu.product"
    cluster.kubectl.run("label", "node", node, f"{product}=Tesla-T4-SHARED")
    yield node
    cluster.kubectl.run("label", "node", node, f"{product}-")


def a_tuning_of(cluster: Access, node: str) -> str:
    """A tuning for the node's pool whose trials ask for a device and never end."""
    found = cluster.kubectl.get("node", node) or {}
    pool = {
        "name": "gpus",
        "nodeSelector": {POOL_LABEL: found["metadata"]["labels"][POOL_LABEL]},
        "resources": {"cpu": "100m", "memory": "64Mi", "accelerators": {ACCELERATOR: 1}},
    }
    return json.dumps(a_document(pools=[pool], runs_for=FOR_EVER))


CLAIMED = {"name": "data", "persistentVolumeClaim": {"claimName": "data"}}


def progressing(kubectl: Kubectl) -> str:
    """Return what Progressing says while its reason is that of a forecast."""
    found = (kubectl.get("deploymenttuning", "tune") or {}).get("status", {})
    (said,) = (one for one in found.get("conditions", ()) if one["type"] == "Progressing")
    return str(said["message"]) if said["reason"] == "PreflightWarns" else ""


@pytest.mark.usefixtures("pretended_pools")
def test_what_will_keep_pods_waiting_is_told_at_the_first_pass(
    cluster: Access, namespace: Namespace, kubectl: Kubectl, tmp_path: Path
) -> None:
    name = f"operator-{namespace.name}"
    rights = Installation(name, namespace.name, (namespace.name,), reads_nodes=True)
    access = an_account(cluster, tmp_path, rights)
    pool = {
        "name": "gpus",
        "nodeSelector": {POOL_LABEL: "nowhere"},
        "resources": {"cpu": "100m", "memory": "64Mi"},
    }
    document = edited("spec.trial.podTemplate.volumes", [CLAIMED], a_document(pools=[pool]))
    try:
        with an_operator_as(access, tmp_path / "log", namespace.name, home=namespace.name):
            kubectl.apply(document)
            said = eventually(lambda: warned(kubectl), "an Event")
    finally:
        for kind in ("clusterrole", "clusterrolebinding"):
            cluster.kubectl.run("delete", kind, f"{rights.cluster_name}-nodes")

    assert (
        f"pool gpus: no node has {POOL_LABEL}=nowhere (spec.nodePools[0].nodeSelector); there is "
        "no PersistentVolumeClaim data: the Pod waits for it "
        "(spec.trial.podTemplate.volumes[0].persistentVolumeClaim.claimName)"
    ) == said
    assert said == progressing(kubectl)
    assert ("False", "AsExpected") == condition(kubectl, "Degraded")


@pytest.mark.usefixtures("pretended_pools", "operator")
def test_without_the_right_to_read_nodes_a_claim_is_foreseen_and_a_node_is_not(
    kubectl: Kubectl,
) -> None:
    document = edited("spec.nodePools[0].nodeSelector", {POOL_LABEL: "nowhere"}, a_document())
    kubectl.apply(edited("spec.trial.podTemplate.volumes", [CLAIMED], document))
    said = str(eventually(lambda: warned(kubectl), "an Event"))
    assert said.startswith("there is no PersistentVolumeClaim data")
    assert "no node" not in said


def warned(kubectl: Kubectl) -> str | None:
    """Return the message of the Warning that the preflight posts."""
    events = (event for event in kubectl.items("events") if event["reason"] == "PreflightWarns")
    return next((str(event["message"]) for event in events if event["type"] == "Warning"), None)


def attempts_of(kubectl: Kubectl) -> list[dict[str, object]]:
    trials = kubectl.items("tuningtrials")
    return [one for trial in trials for one in trial.get("status", {}).get("attempts", ())]


def test_a_trial_that_comes_to_a_node_that_shares_its_devices_is_ended(
    cluster: Access, namespace: Namespace, kubectl: Kubectl, tmp_path: Path, a_node_that_shares: str
) -> None:
    name = f"operator-{namespace.name}"
    rights = Installation(name, namespace.name, (namespace.name,), reads_nodes=True)
    access = an_account(cluster, tmp_path, rights)
    log = tmp_path / "operator.log"
    try:
        with an_operator_as(access, log, namespace.name, home=namespace.name):
            kubectl.run("apply", "--filename=-", document=a_tuning_of(cluster, a_node_that_shares))
            degraded = ("True", "TrialsMisconfigured")
            eventually(lambda: condition(kubectl, "Degraded") == degraded, "Degraded")
    finally:
        for kind in ("clusterrole", "clusterrolebinding"):
            cluster.kubectl.run("delete", kind, f"{rights.cluster_name}-nodes")
    (attempt, *_) = attempts_of(kubectl)

    assert "Misconfigured" == attempt["outcome"]
    assert str(attempt["message"]).startswith(f"node {a_node_that_shares} shares its devices")
    assert {
        "product": "Tesla-T4-SHARED",
        "sharing": "Shared",
        "sharedBy": "nvidia.com/gpu.product=Tesla-T4-SHARED",
    } == attempt["devices"]
