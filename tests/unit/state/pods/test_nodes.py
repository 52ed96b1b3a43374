"""What labels of nodes say of devices, as the clusters of their makers set them."""

from __future__ import annotations

from typing import Any

import pytest
from builders import a_place, a_trial, a_tuning, a_world, an_attempt, an_ending, at
from builders import a_report as reported

from deploytune.api.trial import NodeDevices, Sharing
from deploytune.api.tuning import NodePoolSpec
from deploytune.contract.outcomes import OutcomeKind
from deploytune.state.decide import decide
from deploytune.state.pods.nodes import devices_of, placed_on, why_not_exclusive

OPERATOR = {
    "nvidia.com/gpu.product": "NVIDIA-A100-SXM4-40GB",
    "nvidia.com/cuda.driver-version.full": "570.86.15",
    "nvidia.com/cuda.driver.major": "570",
    "nvidia.com/cuda.runtime-version.full": "12.8",
    "nvidia.com/gpu.replicas": "1",
    "nvidia.com/gpu.sharing-strategy": "none",
    "nvidia.com/mig.strategy": "single",
}


def a_pool(resource: str = "nvidia.com/gpu", **fields: Any) -> NodePoolSpec:
    resources = {"accelerators": {resource: 1}}
    return NodePoolSpec.model_validate({"name": "gpus", "resources": resources, **fields})


def devices(labels: dict[str, str] | None, pool: NodePoolSpec | None = None) -> NodeDevices:
    found = devices_of(labels, pool or a_pool())
    assert found is not None
    return found


def test_a_node_of_the_gpu_operator_says_everything() -> None:
    assert NodeDevices(
        product="NVIDIA-A100-SXM4-40GB",
        driver="570.86.15",
        cuda="12.8",
        sharing=Sharing.EXCLUSIVE,
    ) == devices(OPERATOR)


def test_an_older_feature_discovery_gives_the_driver_in_parts() -> None:
    parts = {"major": "535", "minor": "104", "rev": "05"}
    labels = {f"nvidia.com/cuda.driver.{name}": value for name, value in parts.items()}

    assert "535.104.05" == devices(labels).driver


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        pytest.param({"cloud.google.com/gke-accelerator": "nvidia-l4"}, "nvidia-l4", id="GKE"),
        pytest.param({"karpenter.k8s.aws/instance-gpu-name": "l4"}, "l4", id="Karpenter on EKS"),
        pytest.param({"kubernetes.azure.com/accelerator": "nvidia"}, "nvidia", id="AKS"),
        pytest.param({}, None, id="a node that says nothing"),
    ],
)
def test_without_feature_discovery_the_cloud_names_the_product(
    labels: dict[str, str], expected: str | None
) -> None:
    assert expected == devices(labels).product


@pytest.mark.parametrize(
    ("labels", "resource", "expected"),
    [
        pytest.param(
            {"nvidia.com/gpu.product": "A100-SXM4-40GB-MIG-1g.5gb"},
            "nvidia.com/gpu",
            "1g.5gb",
            id="strategy single",
        ),
        pytest.param(OPERATOR, "nvidia.com/mig-2g.10gb", "2g.10gb", id="strategy mixed"),
        pytest.param(
            {"cloud.google.com/gke-gpu-partition-size": "3g.20gb"},
            "nvidia.com/gpu",
            "3g.20gb",
            id="GKE",
        ),
        pytest.param(OPERATOR, "nvidia.com/gpu", None, id="a whole device"),
    ],
)
def test_a_slice_has_its_profile(
    labels: dict[str, str], resource: str, expected: str | None
) -> None:
    assert expected == devices(labels, a_pool(resource)).mig


SHARED = [
    pytest.param({"nvidia.com/gpu.product": "Tesla-T4-SHARED"}, "nvidia.com/gpu", id="by suffix"),
    pytest.param(
        {"nvidia.com/mig-1g.6gb.product": "A30-MIG-1g.6gb-SHARED"},
        "nvidia.com/mig-1g.6gb",
        id="a slice by suffix",
    ),
    pytest.param({"nvidia.com/gpu.replicas": "4"}, "nvidia.com/gpu", id="by replicas"),
    pytest.param({"nvidia.com/gpu.sharing-strategy": "mps"}, "nvidia.com/gpu", id="by MPS"),
    pytest.param({"nvidia.com/gpu.replicas": "2"}, "nvidia.com/gpu.shared", id="a renamed one"),
    pytest.param({"nvidia.com/mig-1g.5gb.replicas": "2"}, "nvidia.com/mig-1g.5gb", id="of a slice"),
    pytest.param(
        {"cloud.google.com/gke-gpu-sharing-strategy": "time-sharing"}, "nvidia.com/gpu", id="on GKE"
    ),
]


@pytest.mark.parametrize(("labels", "resource"), SHARED)
def test_a_node_that_shares_its_devices_is_found_out(labels: dict[str, str], resource: str) -> None:
    pool = a_pool(resource)
    found = devices(labels, pool)
    (label,) = labels.items()

    assert Sharing.SHARED is found.sharing
    assert "=".join(label) == found.shared_by
    why = why_not_exclusive(found, pool, "n-1")
    assert why is not None
    assert why.startswith(f"node n-1 shares its devices ({'='.join(label)}): ")


@pytest.mark.parametrize(
    ("labels", "resource"),
    [
        ({"nvidia.com/gpu.product": "A30-SHARED"}, "nvidia.com/mig-1g.6gb"),
        ({"nvidia.com/mig-1g.6gb.product": "A30-MIG-1g.6gb-SHARED"}, "nvidia.com/gpu"),
    ],
    ids=["a slice beside shared devices", "a device beside shared slices"],
)
def test_what_a_node_shares_of_another_resource_does_not_matter(
    labels: dict[str, str], resource: str
) -> None:
    assert Sharing.EXCLUSIVE is devices(labels, a_pool(resource)).sharing


def test_a_pool_that_allows_it_may_have_shared_devices() -> None:
    pool = a_pool(allowSharedDevices=True)
    shared = devices({"nvidia.com/gpu.replicas": "4"}, pool)

    assert Sharing.SHARED is shared.sharing
    assert why_not_exclusive(shared, pool, "n-1") is None


def test_where_nodes_may_not_be_read_nothing_is_known_and_nothing_is_refused() -> None:
    unknown = devices(None)

    assert NodeDevices(sharing=Sharing.UNKNOWN) == unknown
    assert why_not_exclusive(unknown, a_pool(), "n-1") is None


@pytest.mark.parametrize("resource", ["amd.com/gpu"])
def test_of_other_vendors_nothing_is_said(resource: str) -> None:
    assert devices_of(OPERATOR, a_pool(resource)) is None


POOL = {"name": "gpus", "resources": {"accelerators": {"nvidia.com/gpu": 1}}}


def test_a_trial_on_shared_devices_is_ended_and_its_node_named() -> None:
    """It is ended at once, nothing it says counts, and it is for somebody to mend."""
    tuning = a_tuning(pools=[POOL])
    place = a_place(not_exclusive="node n-1 shares its devices")
    world = a_world(
        tuning, [a_trial(pool="gpus")], [an_attempt(place=place)], waits_for_mending=True
    )
    first = decide(world)
    ended = an_attempt(place=place, ending=an_ending(reported()))
    second = decide(a_world(tuning, first.trials, [ended], waits_for_mending=True))
    (record,) = second.trials[0].status.attempts
    degraded = next(one for one in second.status.conditions if one.type == "Degraded")

    assert [0] == [key.trial_index for key in first.ends]
    assert OutcomeKind.MISCONFIGURED is record.outcome
    assert "node n-1 shares its devices" in degraded.message


def test_what_the_node_says_is_on_record() -> None:
    tuning = a_tuning(pools=[POOL])
    pool = tuning.spec.node_pools[0]
    running = an_attempt(place=a_place(), ending=an_ending(reported()))
    placed = placed_on(running, pool, lambda _: OPERATOR)
    decision = decide(a_world(tuning, [a_trial(pool="gpus")], [placed]))
    (record,) = decision.trials[0].status.attempts

    assert record.devices is not None
    assert "NVIDIA-A100-SXM4-40GB" == record.devices.product


def test_an_attempt_without_a_node_is_left_as_it_is() -> None:
    waiting = an_attempt(place=a_place(node=None))

    assert waiting == placed_on(waiting, a_pool(), lambda _: OPERATOR)
    assert at(0.0) == waiting.started_at
