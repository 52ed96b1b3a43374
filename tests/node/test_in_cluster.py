"""The whole of it: the operator as a Pod with its Role, and a tuning that somebody applies."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml
from clusters.access import Access
from clusters.images import Image
from clusters.kubectl import Kubectl
from clusters.namespaces import Namespace, new_namespace
from clusters.waiting import eventually

from deploytune.api.rbac import Installation, operator_objects

EXAMPLE = Path(__file__).parents[2] / "operator/examples/digits/tuning.cluster.yaml"
NAME = "deploytune"
LONGEST_SECONDS = 600


@pytest.fixture
def operator_pod(
    cluster: Access, operator_image: Image, trial_image: Image, namespace: Namespace
) -> Iterator[Kubectl]:
    """kubectl where the operator runs for the test's namespace, with its Role and no more."""
    with new_namespace(cluster, labels={}) as home:  # host network: the tests route no Services
        installation = Installation(NAME, home.name, watched=(namespace.name,))
        for item in operator_objects(installation):
            cluster.kubectl.within(item["metadata"]["namespace"]).apply(item)
        arguments = [f"--namespace={namespace.name}", f"--trial-image={trial_image.reference}"]
        pod = an_operator_pod(operator_image, arguments, api_server_port(cluster))
        home.kubectl.create(pod)
        yield home.kubectl


def an_operator_pod(image: Image, arguments: list[str], port: int) -> dict[str, Any]:
    """The operator as a chart would run it, but for the network."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": NAME},
        "spec": {
            "serviceAccountName": NAME,
            "hostNetwork": True,
            "securityContext": {
                "runAsNonRoot": True,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [
                {
                    "name": "operator",
                    "image": image.reference,
                    "imagePullPolicy": "IfNotPresent",
                    "args": arguments,
                    "env": [
                        {"name": "KUBERNETES_SERVICE_HOST", "value": "127.0.0.1"},
                        {"name": "KUBERNETES_SERVICE_PORT", "value": str(port)},
                    ],
                    "resources": {"limits": {"cpu": "400m", "memory": "300Mi"}},
                    "securityContext": {
                        "allowPrivilegeEscalation": False,
                        "capabilities": {"drop": ["ALL"]},
                        "readOnlyRootFilesystem": True,
                    },
                    "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],
                }
            ],
            "volumes": [{"name": "tmp", "emptyDir": {}}],
        },
    }


def api_server_port(cluster: Access) -> int:
    path = "jsonpath={.clusters[0].cluster.server}"
    port = urlsplit(cluster.kubectl.run("config", "view", "--minify", f"--output={path}")).port
    assert port is not None
    return port


@pytest.mark.timeout(LONGEST_SECONDS + 120, func_only=True)
def test_a_tuning_applied_with_kubectl_finds_its_answer_on_two_pools(
    operator_pod: Kubectl, digits: Kubectl
) -> None:
    digits.run("apply", "--filename=-", document=json.dumps(the_example(max_trials=6)))
    eventually(lambda: digits.items("ttrial"), "the first trial")
    waited = digits.attempt(
        *("wait", "--for=condition=Finished", "dtune/digits", f"--timeout={LONGEST_SECONDS}s"),
        seconds=LONGEST_SECONDS + 30,
    )
    assert 0 == waited.returncode, operator_pod.run("logs", NAME, "--tail=50")

    status = digits.read("get", "dtune", "digits")["status"]
    conditions = {one["type"]: (one["status"], one["reason"]) for one in status["conditions"]}
    assert ("True", "BudgetExhausted") == conditions["Succeeded"]
    assert "False" == conditions["Degraded"][0]
    assert 2 == status["best"]["confirmations"]
    assert all(margin["margin"] > 0 for margin in status["best"]["margins"])

    trials = digits.items("ttrial")
    assert list(range(len(trials))) == sorted(trial["spec"]["index"] for trial in trials)
    pools = {trial["spec"]["pool"]: nodes_of(trial) for trial in trials}
    assert {"pool-1", "pool-2"} == set(pools)
    measured = [t for t in trials if t["status"]["outcome"] in ("Feasible", "Infeasible")]
    assert all("server_memory_mib" in trial["status"]["metrics"] for trial in measured)
    assert [] == held(digits)


def the_example(max_trials: int) -> dict[str, Any]:
    """The example as it is, but for its budget: each trial takes a busy machine half a minute."""
    tuning: dict[str, Any] = yaml.safe_load(EXAMPLE.read_text(encoding="utf-8"))
    tuning["spec"]["budget"]["maxTrials"] = max_trials
    return tuning


def nodes_of(trial: dict[str, Any]) -> set[str]:
    return {attempt["node"] for attempt in trial["status"]["attempts"]}


def held(kubectl: Kubectl) -> list[str]:
    """The Pods whose finalizer is still there, once the operator had a moment."""

    def names() -> list[str]:
        pods = (pod["metadata"] for pod in kubectl.items("pods"))
        return [metadata["name"] for metadata in pods if metadata.get("finalizers")]

    eventually(lambda: not names(), "the release of every Pod")
    return names()
