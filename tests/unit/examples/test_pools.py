"""Every example of pools is a tuning that a cluster runs, and keeps to the page about it."""

from __future__ import annotations

from typing import Any

import pytest
from api_builders import parsed
from manifest_builders import a_built_pod
from pool_examples import EXAMPLES, FOLDER, a_tuning_on

from deploytune.api.rules import check_cluster, check_stock_trial, check_tuning

PAGE = FOLDER.parents[1] / "docs" / "tutorials" / "name-gpu-pools.md"


def pods_of(example: str) -> list[dict[str, Any]]:
    document = a_tuning_on(example)
    return [a_built_pod(document, pool=pool.name) for pool in parsed(document).spec.node_pools]


def tolerated(pod: dict[str, Any]) -> set[str]:
    return {one["key"] for one in pod["spec"]["tolerations"]}


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_keeps_every_rule(example: str) -> None:
    tuning = parsed(a_tuning_on(example))

    for check in (check_tuning, check_cluster, check_stock_trial):
        check(tuning)


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_selects_nodes_and_tolerates_the_taint_of_its_devices(example: str) -> None:
    for pod in pods_of(example):
        assert pod["spec"]["nodeSelector"]
        assert "nvidia.com/gpu" in tolerated(pod)


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_stands_on_the_page(example: str) -> None:
    assert f"`{example}.yaml`" in PAGE.read_text()


def test_only_the_pool_that_says_so_takes_shared_devices() -> None:
    taking = [
        pod["metadata"]["labels"]["deploytune.dev/pool"]
        for example in EXAMPLES
        for pod in pods_of(example)
        if "nodeAffinity" not in pod["spec"].get("affinity", {})
    ]
    assert ["t4-shared"] == taking


def test_karpenter_can_launch_a_node_for_the_first_term() -> None:
    """It takes the first of several terms, and knows no values of labels that come later."""
    for pod in pods_of("karpenter"):
        affinity = pod["spec"]["affinity"]["nodeAffinity"]
        required = affinity["requiredDuringSchedulingIgnoredDuringExecution"]
        first = required["nodeSelectorTerms"][0]["matchExpressions"]

        assert {"NotIn", "DoesNotExist"} == {one["operator"] for one in first}
