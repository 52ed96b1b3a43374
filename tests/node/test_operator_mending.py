"""What somebody has to mend is said, and when it is mended the tuning goes on by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from clusters.images import REGISTRY, Image
from clusters.kubectl import Kubectl
from clusters.node_clusters import NodeCluster
from clusters.nodes import POOL_LABEL
from node.operating import (
    Operated,
    a_pool,
    an_operated_cluster,
    is_degraded,
    patch_spec,
    until_degraded,
    until_finished,
)
from node.registries import PASSWORD, Registry, a_registry

ABSENT_IMAGE = f"{REGISTRY}/no-such-trial:latest"
NO_NODE = {POOL_LABEL: "no-such-pool"}
QUOTA = {
    "apiVersion": "v1",
    "kind": "ResourceQuota",
    "metadata": {"name": "no-pods"},
    "spec": {"hard": {"pods": "0"}},
}


@dataclass(frozen=True)
class Place:
    """Where the tunings are: in one namespace, but for the one that is under a quota."""

    operated: Operated
    registry: Registry

    def kubectl_of(self, name: str) -> Kubectl:
        return self.operated.namespaces[name == "quota"]


@dataclass(frozen=True)
class Trouble:
    """What keeps a tuning from its trial, what is to be said about it, and what mends it."""

    reason: str
    says: str
    changes: Callable[[Place], dict[str, Any]]
    mend: Callable[[Place, Kubectl], None]


def with_trial(**fields: Any) -> Callable[[Place], dict[str, Any]]:
    return lambda _place: {"trial": fields}


def with_wrong_secret(place: Place) -> dict[str, Any]:
    template = {"imagePullSecrets": [{"name": "wrong"}]}
    return {"trial": {"image": place.registry.image, "podTemplate": template}}


def without_its_volume(_place: Place) -> dict[str, Any]:
    volume = {"name": "data", "configMap": {"name": "the-data"}}
    mount = {"name": "data", "mountPath": "/data"}
    return {"trial": {"podTemplate": {"volumes": [volume], "volumeMounts": [mount]}}}


def without_a_node(_place: Place) -> dict[str, Any]:
    return {"pools": [a_pool(nodeSelector=NO_NODE)], "trial": {"startDeadlineSeconds": 5}}


def as_usual(_place: Place) -> dict[str, Any]:
    return {}


def name_the_image(place: Place, kubectl: Kubectl) -> None:
    patch_spec(kubectl, "image", trial={"image": place.operated.image.reference})


def name_the_secret(_place: Place, kubectl: Kubectl) -> None:
    template = {"imagePullSecrets": [{"name": "right"}]}
    patch_spec(kubectl, "secret", trial={"podTemplate": template})


def create_the_volume(_place: Place, kubectl: Kubectl) -> None:
    kubectl.run("create", "configmap", "the-data", "--from-literal=a=b")


def name_the_pool(place: Place, kubectl: Kubectl) -> None:
    document = place.operated.tuning("pool", "measure")
    patch_spec(kubectl, "pool", nodePools=document["spec"]["nodePools"])


def lift_the_quota(_place: Place, kubectl: Kubectl) -> None:
    kubectl.run("delete", "resourcequota", "no-pods")


TROUBLES = {
    # First: it shows at once, and the pause before the next attempt grows.
    "quota": Trouble("PodRefused", "exceeded quota: no-pods", as_usual, lift_the_quota),
    "image": Trouble(
        "ImageUnavailable", ABSENT_IMAGE, with_trial(image=ABSENT_IMAGE), name_the_image
    ),
    "secret": Trouble("ImageUnavailable", "401", with_wrong_secret, name_the_secret),
    "volume": Trouble("VolumeNotMounted", "the-data", without_its_volume, create_the_volume),
    "pool": Trouble("PodUnschedulable", "of pool pool-1: 0/", without_a_node, name_the_pool),
}


@pytest.fixture(scope="module")
def place(
    node_cluster: NodeCluster, deterministic_image: Image, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Place]:
    """An operator, and all the tunings of this module at once: their troubles take time to show."""
    folder = tmp_path_factory.mktemp("mending")
    with (
        an_operated_cluster(node_cluster, deterministic_image, folder, namespaces=2) as operated,
        a_registry(operated.image.archive) as registry,
    ):
        made = Place(operated, registry)
        secrets = (registry.pull_secret("wrong", "not it"), registry.pull_secret("right", PASSWORD))
        operated.kubectl.apply(*secrets)
        made.kubectl_of("quota").apply(QUOTA)
        for name, trouble in TROUBLES.items():
            document = operated.tuning(name, "measure", **trouble.changes(made))
            made.kubectl_of(name).apply(document)
        yield made


@pytest.mark.parametrize("name", TROUBLES)
def test_a_trouble_is_named_and_mended_it_costs_no_trial(place: Place, name: str) -> None:
    trouble, kubectl = TROUBLES[name], place.kubectl_of(name)

    said = until_degraded(kubectl, name)
    trouble.mend(place, kubectl)
    status = until_finished(kubectl, name)

    assert trouble.reason == said["reason"]
    assert trouble.says in said["message"]
    assert not is_degraded(kubectl, name)
    assert (1, {"Feasible": 1}) == (status["trials"], status["outcomes"])
    trial = kubectl.read("get", "tuningtrial", f"{name}-0")
    charged = [each["outcome"] for each in trial["status"]["attempts"]]
    assert "Feasible" == charged[-1]
    assert {"Infrastructure", "Feasible"} >= set(charged)
