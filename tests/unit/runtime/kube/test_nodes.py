from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

from played_api_server import Answer, play

from deploytune.runtime.kube.nodes import NodeLabels

NOW = datetime(2026, 1, 1, tzinfo=UTC)
L4 = {"nvidia.com/gpu.product": "NVIDIA-L4"}
A_NODE = Answer(body=json.dumps({"metadata": {"name": "n-1", "labels": L4}}))
FORBIDDEN = Answer(code=403, body=json.dumps({"message": "nodes is forbidden", "code": 403}))


async def test_labels_are_asked_for_once_in_a_while() -> None:
    labels = NodeLabels()
    async with play(A_NODE, A_NODE) as played:
        for minutes in (0, 1, 4, 5):
            await labels.learn(played.api, ["n-1", "n-1"], NOW + timedelta(minutes=minutes))

    assert L4 == labels.of("n-1")
    assert ["/api/v1/nodes/n-1"] * 2 == [path for _, path, *_ in played.requests]


async def test_without_the_right_to_read_them_labels_are_unknown() -> None:
    labels = NodeLabels()
    async with play(FORBIDDEN) as played:
        await labels.learn(played.api, ["n-1"], NOW)
        await labels.learn(played.api, ["n-1"], NOW)

    assert labels.of("n-1") is None
    assert 1 == len(played.requests)


async def test_a_right_that_was_given_meanwhile_is_used() -> None:
    labels = NodeLabels()
    async with play(FORBIDDEN, A_NODE) as played:
        await labels.learn(played.api, ["n-1"], NOW)
        await labels.learn(played.api, ["n-1"], NOW + timedelta(minutes=5))

    assert L4 == labels.of("n-1")


async def test_a_node_that_is_gone_is_unknown() -> None:
    labels = NodeLabels()
    async with play(Answer(code=404, body=json.dumps({"code": 404}))) as played:
        await labels.learn(played.api, ["n-1"], NOW)

    assert labels.of("n-1") is None
