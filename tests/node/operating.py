"""The whole operator on real nodes: tunings whose trials do as they are told, and what they end as.

The operator is a process of the tests with exactly its Role. Trials run in an image of the
deterministic trial program: the parameter `kind` says what each does.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from builders import a_tuning
from clusters.images import BuildRecipe, Image
from clusters.kubectl import Kubectl
from clusters.namespaces import new_namespace
from clusters.node_clusters import NodeCluster
from clusters.nodes import ACCELERATOR, POOL_LABEL
from clusters.programs import output_of
from clusters.waiting import eventually
from operator_processes import LEASE, OperatorProcess, an_operator, condition
from pod_cases.scene import container_id_of

Json = dict[str, Any]

DETERMINISTIC_TRIAL = BuildRecipe(
    name="deterministic-trial",
    dockerfile="tests/trial_programs/Dockerfile",
    sources=(
        *("pyproject.toml", "README.md", "LICENSE", "operator/constraints.txt"),
        "operator/deploytune/__init__.py",
        "operator/deploytune/contract",
        "trial_image/deploytune_trial/__init__.py",
        "tests/trial_programs/deterministic.py",
    ),
)
PATIENCE_SECONDS = 120.0


@dataclass(frozen=True)
class Operated:
    """Namespaces in which one operator works, the nodes under them, and the trials' image."""

    nodes: NodeCluster
    image: Image
    operator: OperatorProcess
    namespaces: Sequence[Kubectl]

    @property
    def kubectl(self) -> Kubectl:
        """kubectl in the first namespace."""
        return self.namespaces[0]

    def tuning(self, name: str, *kinds: str, **changes: Any) -> Json:
        """Return a tuning of one trial, or of `max_trials`, whose configurations are the kinds."""
        settings: Json = {
            "parameters": [
                {"name": "kind", "type": "Categorical", "values": kinds, "default": kinds[0]}
            ],
            "max_trials": 1,
            "confirmations": 0,
            "infra_retries": 3,
            "pools": [a_pool()],
            **changes,
            "trial": {"image": self.image.reference, **changes.get("trial", {})},
        }
        tuning = a_tuning(name=name, **settings)
        document = tuning.model_dump(mode="json", by_alias=True, exclude_none=True)
        return {**document, "metadata": {"name": name}}


def a_pool(name: str = "pool-1", accelerators: int = 0, **fields: Any) -> Json:
    """A pool on the nodes of that label; four of its trials fit on a node of two cores."""
    devices = {ACCELERATOR: accelerators} if accelerators else {}
    resources = {"cpu": "400m", "memory": "96Mi", "accelerators": devices}
    return {
        "name": name,
        "nodeSelector": {POOL_LABEL: name},
        "resources": resources,
        **fields,
    }


@contextmanager
def an_operated_cluster(
    nodes: NodeCluster,
    image: Image,
    folder: Path,
    *,
    namespaces: int = 1,
    everywhere: bool = False,
) -> Iterator[Operated]:
    """Run an operator on new namespaces; `everywhere` watches whatever comes, too."""
    access = nodes.control_plane.access
    with ExitStack() as made:
        own = [made.enter_context(new_namespace(access)) for _ in range(namespaces)]
        watched = () if everywhere else tuple(each.name for each in own)
        home = made.enter_context(new_namespace(access)).name
        operator = made.enter_context(an_operator(access, folder, *watched, home=home))
        eventually(lambda: _leads(operator, access.kubectl.within(home)), "an operator that leads")
        yield Operated(nodes, image, operator, [each.kubectl for each in own])
        if operator.is_running:
            operator.stop()  # gives its Lease back: the next one may watch all namespaces


def until_finished(kubectl: Kubectl, name: str, seconds: float = PATIENCE_SECONDS) -> Json:
    """Wait for the end of a tuning as a user does, and return its status."""
    kubectl.wait(f"deploymenttuning/{name}", "condition=Finished", seconds)
    return status_of(kubectl, "deploymenttuning", name)


def until_outcome(kubectl: Kubectl, trial: str, seconds: float = PATIENCE_SECONDS) -> Json:
    """Wait for the outcome of a trial, and return its status."""
    kubectl.wait(f"tuningtrial/{trial}", "jsonpath={.status.outcome}", seconds)
    return status_of(kubectl, "tuningtrial", trial)


def until_attempts(
    kubectl: Kubectl, trial: str, count: int, seconds: float = PATIENCE_SECONDS
) -> list[Json]:
    """Wait until so many attempts of a trial are on record, and return all that are."""

    def attempts() -> list[Json]:
        found: list[Json] = status_of(kubectl, "tuningtrial", trial).get("attempts", [])
        return found if len(found) >= count else []

    return eventually(attempts, f"{count} attempts of {trial}", seconds=seconds)


def until_busy(kubectl: Kubectl, pod: str, seconds: float = PATIENCE_SECONDS) -> Json:
    """Wait until a trial's program has said its first word, and return its Pod.

    From then on it heeds SIGTERM: what ends it need not wait for the grace period.
    """
    kubectl.wait(f"pod/{pod}", "jsonpath={.status.phase}=Running", seconds)
    read = ("exec", pod, "--", "cat", "/dev/termination-log")
    eventually(
        lambda: "stage" in kubectl.attempt(*read).stdout, f"a word of {pod}", seconds=seconds
    )
    found = kubectl.get("pod", pod)
    assert found is not None
    return found


def until_degraded(kubectl: Kubectl, name: str, seconds: float = PATIENCE_SECONDS) -> Json:
    """Wait until a tuning is degraded, and return the condition."""
    kubectl.wait(f"deploymenttuning/{name}", "condition=Degraded", seconds)
    [found] = [
        one
        for one in status_of(kubectl, "deploymenttuning", name)["conditions"]
        if one["type"] == "Degraded"
    ]
    return dict(found)


def until_gone(kubectl: Kubectl, *kinds: str, seconds: float = PATIENCE_SECONDS) -> None:
    """Wait until there is nothing of these kinds."""
    eventually(
        lambda: not any(kubectl.items(kind) for kind in kinds),
        f"the end of all {', '.join(kinds)}",
        seconds=seconds,
    )


def status_of(kubectl: Kubectl, kind: str, name: str) -> Json:
    """Return an object's status, empty while there is none."""
    return dict((kubectl.get(kind, name) or {}).get("status", {}))


def kill_trial(nodes: NodeCluster, pod: Mapping[str, Any]) -> None:
    """Kill a trial's process with SIGKILL, past Kubernetes."""
    [node] = [each for each in nodes.nodes if each.name == pod["spec"]["nodeName"]]
    client = ["ctr", "--address", str(node.containerd.socket), "--namespace", "k8s.io"]
    output_of([*client, "tasks", "kill", "--signal", "SIGKILL", container_id_of(pod)])


def evict(kubectl: Kubectl, pod: str) -> None:
    """Ask for a Pod's eviction, as a drain does."""
    eviction = {
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": {"name": pod, "namespace": kubectl.namespace},
    }
    place = f"/api/v1/namespaces/{kubectl.namespace}/pods/{pod}/eviction"
    kubectl.run("create", f"--raw={place}", "--filename=-", document=json.dumps(eviction))


def patch_spec(kubectl: Kubectl, name: str, **fields: Any) -> None:
    """Edit a tuning's spec."""
    kubectl.merge("deploymenttuning", name, {"spec": fields})


def is_degraded(kubectl: Kubectl, name: str) -> bool:
    return condition(kubectl, "Degraded", name)[0] == "True"


def _leads(operator: OperatorProcess, kubectl: Kubectl) -> bool:
    assert operator.is_running, operator.log.read_text()[-2000:]
    return bool((kubectl.get("lease", LEASE) or {}).get("spec", {}).get("holderIdentity"))
