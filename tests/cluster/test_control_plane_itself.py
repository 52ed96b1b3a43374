"""The control plane that the other tests stand on does what they count on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from clusters.access import Access
from clusters.control_plane import ControlPlane
from clusters.kubectl import Kubectl
from clusters.namespaces import Namespace
from clusters.waiting import eventually

KINDS = {"deploymenttunings.deploytune.dev", "tuningtrials.deploytune.dev"}


def a_config_map(name: str = "noted") -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}}


def a_pod(**security: object) -> dict[str, Any]:
    container = {"name": "main", "image": "localhost/none", "securityContext": security}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "asking"},
        "spec": {"containers": [container]},
    }


def test_the_checked_in_kinds_are_served(cluster: Access) -> None:
    served = {item["metadata"]["name"] for item in cluster.kubectl.items("crds")}

    assert served >= KINDS


def test_a_pod_that_asks_for_more_than_a_restricted_one_is_refused(kubectl: Kubectl) -> None:
    document = json.dumps(a_pod(privileged=True))
    refused = kubectl.attempt("create", "--filename=-", document=document)

    assert 'violates PodSecurity "restricted' in refused.stderr


def test_objects_survive_a_restart_of_etcd_and_of_the_api_server(
    control_plane: ControlPlane, kubectl: Kubectl
) -> None:
    kubectl.create(a_config_map())

    for component in (control_plane.api_server, control_plane.etcd):
        component.kill()
        component.start()
    control_plane.await_ready()

    assert kubectl.get("configmap", "noted") is not None


def test_the_api_server_cannot_be_reached_while_it_is_down(
    control_plane: ControlPlane, kubectl: Kubectl
) -> None:
    control_plane.api_server.kill()
    try:
        refused = kubectl.attempt("get", "configmaps")
    finally:
        control_plane.api_server.start()
        control_plane.await_ready()

    assert refused.returncode != 0
    assert "refused" in refused.stderr


def test_garbage_is_collected_and_namespaces_end(
    cluster: Access, namespace: Namespace, kubectl: Kubectl
) -> None:
    owner = kubectl.create(a_config_map("owner"))
    kubectl.create(a_config_map("owned") | {"metadata": _owned_by(owner)})

    kubectl.run("delete", "configmap", "owner")
    eventually(lambda: kubectl.get("configmap", "owned") is None, "the end of what it owned")
    kubectl.run("delete", "namespace", namespace.name, "--wait=false")

    eventually(lambda: cluster.kubectl.get("namespace", namespace.name) is None, "its end")


def test_the_audit_log_names_who_wrote_what(
    control_plane: ControlPlane, namespace: Namespace
) -> None:
    before = control_plane.audit_log.now()
    namespace.kubectl.create(a_config_map())

    logged = [request for request in control_plane.audit_log.since(before) if request.writes]

    [write] = [request for request in logged if request.namespace == namespace.name]
    assert (write.user, write.verb, write.resource) == ("admin", "create", "configmaps")
    assert write.code == 201


def test_a_service_account_may_do_only_what_it_was_given(
    cluster: Access, namespace: Namespace, tmp_path: Path
) -> None:
    namespace.kubectl.run("create", "role", "reader", "--verb=get", "--resource=configmaps")
    account = f"--serviceaccount={namespace.name}:default"
    namespace.kubectl.run("create", "rolebinding", "reader", "--role=reader", account)
    theirs = cluster.as_service_account(namespace.name, "default", tmp_path)
    kubectl = theirs.kubectl.within(namespace.name)

    read = ("get", "configmap", "kube-root-ca.crt")
    eventually(lambda: kubectl.attempt(*read).returncode == 0, "the right to read it")
    refused = kubectl.attempt("delete", "configmap", "kube-root-ca.crt")

    assert "Forbidden" in refused.stderr


def _owned_by(owner: dict[str, Any]) -> dict[str, Any]:
    reference = {key: owner[key] for key in ("apiVersion", "kind")}
    reference |= {key: owner["metadata"][key] for key in ("name", "uid")}
    return {"name": "owned", "ownerReferences": [reference]}
