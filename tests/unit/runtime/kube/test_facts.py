"""What a preflight is told of a cluster, played answer by answer."""

from __future__ import annotations

import json
from typing import Any

import pytest
from played_api_server import Answer, play
from preflight_builders import a_tuning_on_pools

from deploytune.runtime.kube.errors import NotFoundError, UnavailableError
from deploytune.runtime.kube.facts import nodes_of_pools, presence_of, read_node
from deploytune.runtime.kube.resources import SECRETS
from deploytune.state.preflight.facts import Kind, Node, ObjectKey, Presence, Taint, Unread
from deploytune.state.preflight.named_objects import Named

FORBIDDEN = Answer(code=403, body=json.dumps({"message": "secrets is forbidden", "code": 403}))
ABSENT = Answer(code=404, body=json.dumps({"message": "not found", "code": 404}))
S3 = Named(ObjectKey(Kind.SECRET, "s3"), "spec")
QUEUE = Named(ObjectKey(Kind.LOCAL_QUEUE, "gpus"), "spec")


def answered(body: Any) -> Answer:
    return Answer(body=json.dumps(body))


async def test_of_a_secret_its_metadata_alone_is_asked_for() -> None:
    async with play(answered({"kind": "PartialObjectMetadata", "metadata": {"name": "s3"}})) as it:
        await it.api.metadata(SECRETS, "team", "s3")
    assert ["application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"] == it.accepted


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (answered({"metadata": {"name": "s3"}}), Presence.THERE),
        (ABSENT, Presence.MISSING),
        (FORBIDDEN, Unread("secrets is forbidden")),
    ],
    ids=["there", "missing", "forbidden"],
)
async def test_an_object_is_there_or_missing_or_unread(
    answer: Answer, expected: Presence | Unread
) -> None:
    async with play(answer) as it:
        assert {S3.key: expected} == await presence_of(it.api, "team", [S3, S3])


async def test_a_queue_is_looked_for_in_the_version_that_kueue_serves() -> None:
    group = {"preferredVersion": {"groupVersion": "kueue.x-k8s.io/v1beta2"}}
    async with play(answered(group), ABSENT) as it:
        assert {QUEUE.key: Presence.MISSING} == await presence_of(it.api, "team", [QUEUE])
    assert [
        "/apis/kueue.x-k8s.io",
        "/apis/kueue.x-k8s.io/v1beta2/namespaces/team/localqueues/gpus",
    ] == [path for _, path, *_ in it.requests]


async def test_without_kueue_its_queues_are_not_served() -> None:
    async with play(ABSENT) as it:
        assert {QUEUE.key: Presence.NOT_SERVED} == await presence_of(it.api, "team", [QUEUE])


async def test_pools_of_the_same_labels_are_asked_for_once() -> None:
    tuning = a_tuning_on_pools("spec.nodePools[1].nodeSelector", {"example.com/gpu-pool": "a100"})
    nodes = {"items": [{"metadata": {"name": "n-1"}}], "metadata": {}}
    async with play(answered(nodes)) as it:
        found = await nodes_of_pools(it.api, tuning.spec.node_pools)
    assert {"a100": (Node("n-1"),), "l4": (Node("n-1"),)} == found
    ((_, _, query, _),) = it.requests
    assert "example.com/gpu-pool=a100" == query["labelSelector"]


async def test_an_api_server_that_gives_no_answer_is_an_error_and_no_finding() -> None:
    async with play(*([Answer(code=503)] * 8)) as it:
        with pytest.raises(UnavailableError):
            await presence_of(it.api, "team", [S3])


async def test_a_namespace_that_is_absent_is_an_error_of_a_single_look() -> None:
    async with play(ABSENT) as it:
        with pytest.raises(NotFoundError):
            await it.api.metadata(SECRETS, "nowhere", "s3")


def test_of_a_node_is_kept_what_decides() -> None:
    assert Node(
        "n-1",
        labels={"a": "b"},
        taints=(Taint("sku", "gpu", "NoSchedule"), Taint("lost", "", "NoExecute")),
        allocatable={"cpu": "4"},
        images=frozenset(("a:1", "a@sha256:0")),
    ) == read_node(
        {
            "metadata": {"name": "n-1", "labels": {"a": "b"}},
            "spec": {
                "taints": [
                    {"key": "sku", "value": "gpu", "effect": "NoSchedule"},
                    {"key": "lost", "effect": "NoExecute"},
                ]
            },
            "status": {
                "allocatable": {"cpu": "4"},
                "images": [{"names": ["a:1", "a@sha256:0"]}, {"sizeBytes": 1}],
            },
        }
    )
