"""The Pods that tunings make, and what a Pod template may not reach, at a real API server.

The namespace enforces Pod Security `restricted`; the API server, not the test, says what is right.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from api_builders import Document, a_cluster_document, a_pod_template, edited, without
from clusters.kubectl import Kubectl
from clusters.namespaces import Namespace
from manifest_builders import a_built_pod

TEMPLATE = "spec.trial.podTemplate"
CREATE = ("create", "--dry-run=server", "--validate=strict", "--filename=-")


def accepted_pod(namespace: Namespace, document: Document) -> dict[str, Any]:
    """Return the Pod of a tuning as the API server would keep it."""
    namespace.kubectl.run(*CREATE, document=json.dumps(document))
    pod = a_built_pod(edited("metadata.namespace", namespace.name, document))
    kept: dict[str, Any] = json.loads(
        namespace.kubectl.run(*CREATE, "--output=json", document=json.dumps(pod))
    )
    return kept


def test_a_rich_pod_template_makes_a_pod_that_is_accepted(namespace: Namespace) -> None:
    kept = accepted_pod(namespace, a_cluster_document())

    assert kept["status"]["qosClass"] == "Guaranteed"
    assert kept["spec"]["serviceAccountName"] == "default"
    mounted = [one["mountPath"] for one in kept["spec"]["containers"][0]["volumeMounts"]]
    assert "/var/run/secrets/kubernetes.io/serviceaccount" not in mounted


def test_a_tuning_without_a_pod_template_makes_one_too(namespace: Namespace) -> None:
    accepted_pod(namespace, without(TEMPLATE, a_cluster_document()))


def test_the_api_server_adds_no_longer_wait_for_a_lost_node(namespace: Namespace) -> None:
    kept = accepted_pod(namespace, a_cluster_document())
    seconds = [one.get("tolerationSeconds", 0) for one in kept["spec"]["tolerations"]]

    assert max(seconds) <= 60


@pytest.mark.parametrize("volume", a_pod_template()["volumes"], ids=lambda one: list(one)[1])
def test_each_kind_of_volume_is_accepted_alone(namespace: Namespace, volume: Document) -> None:
    mount = {"name": volume["name"], "mountPath": "/models"}
    template = {"volumes": [volume], "volumeMounts": [mount]}

    kept = accepted_pod(namespace, edited(TEMPLATE, template, a_cluster_document()))

    kind = next(key for key in volume if key != "name")
    assert any(one["name"] == volume["name"] and kind in one for one in kept["spec"]["volumes"])


def test_a_priority_class_that_is_there_is_taken(namespace: Namespace) -> None:
    name = f"priority-{namespace.name}"
    kubectl = namespace.kubectl
    kubectl.run("create", "priorityclass", name, "--value=1000")
    try:
        kept = accepted_pod(
            namespace, edited(f"{TEMPLATE}.priorityClassName", name, a_cluster_document())
        )
    finally:
        kubectl.run("delete", "priorityclass", name)

    assert kept["spec"]["priority"] == 1000


@pytest.mark.parametrize("pool", ["a100", "l4"])
def test_the_pods_of_both_placements_are_accepted(namespace: Namespace, pool: str) -> None:
    document = edited("metadata.namespace", namespace.name, a_cluster_document())

    namespace.kubectl.run(*CREATE, document=json.dumps(a_built_pod(document, pool=pool)))


def a_volume(**kind: Any) -> list[Document]:
    return [{"name": "v", **kind}]


def mounted_at(path: str, **more: Any) -> Document:
    volumes = a_volume(emptyDir={})
    return {"volumes": volumes, "volumeMounts": [{"name": "v", "mountPath": path, **more}]}


TOKEN = {"sources": [{"serviceAccountToken": {"path": "token"}}]}
UNCONFINED = {"container.apparmor.security.beta.kubernetes.io/trial": "unconfined"}
REACHES: dict[str, tuple[str, Any]] = {
    "a path of the host": ("volumes", a_volume(hostPath={"path": "/"})),
    "an NFS share": ("volumes", a_volume(nfs={"server": "a", "path": "/"})),
    "a driver of its choice": ("volumes", a_volume(csi={"driver": "a"})),
    "a token of the service account": ("volumes", a_volume(projected=TOKEN)),
    "facts of its Pod as files": ("volumes", a_volume(downwardAPI={"items": []})),
    "another service account": ("serviceAccountName", "admin"),
    "its service account's token": ("automountServiceAccountToken", True),
    "the host's network": ("hostNetwork", True),
    "the host's processes": ("hostPID", True),
    "the host's memory": ("hostIPC", True),
    "a node of its choice": ("nodeName", "node-1"),
    "a scheduler of its choice": ("schedulerName", "mine"),
    "privilege": ("securityContext", {"privileged": True}),
    "capabilities": ("securityContext", {"capabilities": {"add": ["SYS_ADMIN"]}}),
    "the root user": ("runAsUser", 0),
    "the root group": ("fsGroup", 0),
    "containers of its own": ("containers", [{"name": "a", "image": "a"}]),
    "containers before": ("initContainers", [{"name": "a", "image": "a"}]),
    "another request": ("env", [{"name": "DEPLOYTUNE_TRIAL", "value": "{}"}]),
    "another scratch folder": ("env", [{"name": "DEPLOYTUNE_SCRATCH", "value": "/"}]),
    "a field of the Pod in a variable": (
        "env",
        [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "status.hostIP"}}}],
    ),
    "labels of the operator": ("labels", {"deploytune.dev/tuning": "another"}),
    "the label of all trials": ("labels", {"app.kubernetes.io/component": "web"}),
    "no AppArmor": ("annotations", UNCONFINED),
    "to be disrupted": ("annotations", {"karpenter.sh/do-not-disrupt": "false"}),
    "the operator's volumes": ("volumes", [{"name": "deploytune-shm", "emptyDir": {}}]),
}
MOUNTS: dict[str, Document] = {
    "shared memory": mounted_at("/dev/shm"),
    "the termination log": mounted_at("/dev/termination-log"),
    "the temporary folder": mounted_at("/tmp"),
    "the scratch folder": mounted_at("/scratch"),
    "all devices": mounted_at("/dev"),
    "the root": mounted_at("/"),
    "a way around by dots": mounted_at("/a/../tmp"),
    "a way around by slashes": mounted_at("//tmp"),
    "a way around by a slash": mounted_at("/tmp/"),
    "a way out of the volume": mounted_at("/a", subPath="../b"),
    "a path from the root of the volume": mounted_at("/a", subPath="/etc"),
}
ATTEMPTS = {
    **{name: (f"{TEMPLATE}.{field}", value) for name, (field, value) in REACHES.items()},
    **{name: (TEMPLATE, template) for name, template in MOUNTS.items()},
}


@pytest.mark.parametrize("attempt", ATTEMPTS)
def test_a_pod_template_cannot_reach(kubectl: Kubectl, attempt: str) -> None:
    path, value = ATTEMPTS[attempt]
    document = edited(path, value, without(TEMPLATE, a_cluster_document()))

    refused = kubectl.attempt(*CREATE, document=json.dumps(document))

    assert refused.returncode != 0
    assert "podTemplate" in refused.stderr


@pytest.mark.parametrize("field", ["hostNetwork", "serviceAccountName", "securityContext"])
def test_what_is_not_checked_is_dropped(kubectl: Kubectl, field: str) -> None:
    """A client that asks for no validation gets a tuning without the field."""
    value = next(value for name, value in REACHES.values() if name == field)
    document = edited(f"{TEMPLATE}.{field}", value, a_cluster_document())

    kept = kubectl.run(
        "create",
        "--dry-run=server",
        "--validate=false",
        "--filename=-",
        "--output=json",
        document=json.dumps(document),
    )

    assert field not in json.loads(kept)["spec"]["trial"]["podTemplate"]
