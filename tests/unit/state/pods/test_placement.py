"""Where a trial's Pod may run: what it tolerates, which nodes it keeps away from."""

from __future__ import annotations

from typing import Any

import pytest
from api_builders import Document, a_cluster_document, edited, parsed
from manifest_builders import OPTIONS, a_built_pod, a_trial_of

from deploytune.api.trial import AttemptRecord
from deploytune.state.pods.labels import TRIAL_PODS
from deploytune.state.pods.manifest import build_pod
from deploytune.state.requests import build_request

NOT_SHARED = (
    {
        "key": "nvidia.com/gpu.sharing-strategy",
        "operator": "NotIn",
        "values": ["time-slicing", "mps"],
    },
    {"key": "cloud.google.com/gke-gpu-sharing-strategy", "operator": "DoesNotExist"},
)
POOL = "spec.nodePools[0]"


def test_a_lost_node_holds_a_pod_for_less_than_a_minute() -> None:
    tolerations = a_built_pod(a_cluster_document())["spec"]["tolerations"]
    seconds = {one["key"]: one.get("tolerationSeconds") for one in tolerations}

    for taint in ("not-ready", "unreachable"):
        assert 30 <= seconds[f"node.kubernetes.io/{taint}"] <= 60
    assert seconds["nvidia.com/gpu"] is None


def test_a_pool_that_tolerates_everything_does_not_stay_on_a_lost_node() -> None:
    """Of the tolerations that match a taint, the first counts."""
    document = edited(
        "spec.nodePools[0].tolerations", [{"operator": "Exists"}], a_cluster_document()
    )
    first, second, *_ = a_built_pod(document)["spec"]["tolerations"]
    assert [45, 45] == [first["tolerationSeconds"], second["tolerationSeconds"]]


def test_a_pool_that_names_the_taint_of_a_lost_node_has_its_way() -> None:
    wanted = {
        "key": "node.kubernetes.io/unreachable",
        "operator": "Exists",
        "effect": "NoExecute",
        "tolerationSeconds": 600,
    }
    document = edited("spec.nodePools[0].tolerations", [wanted], a_cluster_document())
    tolerations = a_built_pod(document)["spec"]["tolerations"]
    named = [one for one in tolerations if one.get("key") == wanted["key"]]
    assert [wanted] == named


@pytest.mark.parametrize(
    ("accelerators", "tolerated"),
    [
        pytest.param({"nvidia.com/gpu": 1}, ["nvidia.com/gpu"], id="a device"),
        pytest.param({"nvidia.com/mig-1g.5gb": 2}, ["nvidia.com/gpu"], id="a slice of a device"),
        pytest.param({"nvidia.com/gpu.shared": 1}, ["nvidia.com/gpu"], id="a share of a device"),
        pytest.param({"amd.com/gpu": 1}, ["amd.com/gpu"], id="another vendor's device"),
        pytest.param({}, [], id="no device, so that GPU nodes stay free of it"),
    ],
)
def test_by_default_a_pod_tolerates_the_taint_of_what_it_asks_for(
    accelerators: dict[str, int], tolerated: list[str]
) -> None:
    document = edited(f"{POOL}.resources.accelerators", accelerators, a_cluster_document())
    tolerations = a_built_pod(document)["spec"]["tolerations"]

    keys = [one["key"] for one in tolerations if "tolerationSeconds" not in one]
    assert tolerated == keys


@pytest.mark.parametrize(
    "own",
    [
        pytest.param([], id="none"),
        pytest.param([{"key": "sku", "operator": "Equal", "value": "gpu"}], id="others"),
    ],
)
def test_tolerations_that_a_pool_names_are_all_it_has(own: list[Document]) -> None:
    document = edited(f"{POOL}.tolerations", own, a_cluster_document())
    tolerations = a_built_pod(document)["spec"]["tolerations"]

    assert own == [one for one in tolerations if "tolerationSeconds" not in one]


def test_one_per_node_keeps_away_from_every_trial_of_every_namespace() -> None:
    affinity = a_built_pod(a_cluster_document(), pool="a100")["spec"]["affinity"]
    (term,) = affinity["podAntiAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]

    assert term["labelSelector"] == {"matchLabels": dict(TRIAL_PODS)}
    assert term["namespaceSelector"] == {}
    assert term["topologyKey"] == "kubernetes.io/hostname"


def test_packed_trials_share_a_node() -> None:
    assert "podAntiAffinity" not in a_built_pod(a_cluster_document(), pool="l4")["spec"]["affinity"]


def test_nodes_that_share_their_devices_are_left_out() -> None:
    replicas = "nvidia.com/gpu.replicas"

    assert node_terms(a_cluster_document()) == [
        {"matchExpressions": [*NOT_SHARED, {"key": replicas, "operator": "DoesNotExist"}]},
        {
            "matchExpressions": [
                *NOT_SHARED,
                {"key": replicas, "operator": "In", "values": ["0", "1"]},
            ]
        },
    ]


def test_a_node_whose_device_failed_the_trial_is_taken_last() -> None:
    tuning = parsed(a_cluster_document())
    records = [
        AttemptRecord(attempt=number, outcome="Infrastructure", cause=cause, node=node)
        for number, (cause, node) in enumerate(
            [("HardwareFault", "n-1"), ("Disrupted", "n-2"), ("HardwareFault", "n-1")]
        )
    ]
    trial = a_trial_of(tuning, "l4")
    status = trial.status.replace(attempts=tuple(records))
    failed = trial.model_copy(update={"status": status})
    pod = build_pod(tuning, failed, build_request(tuning, failed, 3), OPTIONS)
    affinity = pod["spec"]["affinity"]["nodeAffinity"]
    (preferred,) = affinity["preferredDuringSchedulingIgnoredDuringExecution"]

    assert [{"key": "metadata.name", "operator": "NotIn", "values": ["n-1"]}] == preferred[
        "preference"
    ]["matchFields"]
    assert "requiredDuringSchedulingIgnoredDuringExecution" in affinity


@pytest.mark.parametrize(
    ("path", "value"),
    [
        pytest.param(f"{POOL}.allowSharedDevices", True, id="a pool that allows it"),
        pytest.param(f"{POOL}.resources.accelerators", {}, id="a pool without accelerators"),
        pytest.param(f"{POOL}.resources.accelerators", {"amd.com/gpu": 1}, id="another vendor"),
    ],
)
def test_no_node_is_left_out_of(path: str, value: object) -> None:
    assert node_terms(edited(path, value, a_cluster_document())) == []


def test_a_renamed_shared_resource_has_the_labels_of_its_device() -> None:
    shared = {"nvidia.com/gpu.shared": 1}

    assert node_terms(
        edited(f"{POOL}.resources.accelerators", shared, a_cluster_document())
    ) == node_terms(a_cluster_document())


def node_terms(document: Document) -> list[Any]:
    affinity = a_built_pod(document)["spec"].get("affinity", {}).get("nodeAffinity", {})
    required = affinity.get("requiredDuringSchedulingIgnoredDuringExecution", {})
    terms: list[Any] = required.get("nodeSelectorTerms", [])
    return terms
