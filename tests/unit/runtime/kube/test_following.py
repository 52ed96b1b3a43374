"""Following objects through watches that end, expire and fail, on a server that is played."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import pytest
from played_api_server import Answer, play

from deploytune.runtime.kube.errors import RefusedError
from deploytune.runtime.kube.following import Followed
from deploytune.runtime.kube.resources import PODS

GONE = {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old"}
FORBIDDEN = Answer(403, '{"message": "pods is forbidden"}')


def a_pod(name: str, version: int) -> dict[str, Any]:
    return {"metadata": {"uid": name, "resourceVersion": str(version)}}


def a_list(version: int, *names: str) -> Answer:
    items = [a_pod(name, version) for name in names]
    return Answer(body=json.dumps({"items": items, "metadata": {"resourceVersion": str(version)}}))


def told(*events: tuple[str, Any]) -> Answer:
    lines = [json.dumps({"type": kind, "object": about}) for kind, about in events]
    return Answer(body="".join(f"{line}\n" for line in lines))


async def followed_until_refused(*answers: Answer) -> tuple[list[list[str]], Sequence[Any]]:
    """Follow until the last of the answers, a refusal; return what was there at each change."""
    seen: list[list[str]] = []
    async with play(*answers, FORBIDDEN) as server:
        pods = Followed(PODS, "ns", labels="a=b")
        await pods.list(server.api)
        with pytest.raises(RefusedError):
            await asyncio.wait_for(pods.follow(server.api, lambda: seen.append(names(pods))), 20)
        return seen, server.requests


def names(pods: Followed) -> list[str]:
    return sorted(each["metadata"]["uid"] for each in pods.objects())


async def test_what_comes_changes_and_goes_is_heard() -> None:
    seen, requests = await followed_until_refused(
        a_list(1, "a"),
        told(("ADDED", a_pod("b", 2)), ("MODIFIED", a_pod("b", 3)), ("DELETED", a_pod("a", 4))),
        told(("BOOKMARK", {"metadata": {"resourceVersion": "7"}})),
    )
    assert [["a", "b"], ["a", "b"], ["b"], ["b"]] == seen
    asked = [query.get("resourceVersion") for _, _, query, _ in requests]
    assert [None, "1", "4", "7"] == asked, "a watch goes on where the last one ended"
    assert {"a=b"} == {query["labelSelector"] for _, _, query, _ in requests}


async def test_a_version_that_is_not_kept_makes_it_list_anew() -> None:
    seen, requests = await followed_until_refused(
        a_list(1, "a"), told(("ERROR", GONE)), a_list(9, "b"), told(("ADDED", a_pod("c", 10)))
    )
    assert [["b"], ["b", "c"]] == seen
    assert "9" == requests[3][2]["resourceVersion"]


async def test_a_server_that_is_away_is_asked_again_and_meanwhile_that_is_said() -> None:
    async with play(
        a_list(1, "a"), Answer(503), a_list(5, "a", "b"), Answer(body="<html>\n"), FORBIDDEN
    ) as server:
        pods = Followed(PODS, "ns")
        await pods.list(server.api)
        troubles: list[bool] = []
        with pytest.raises(RefusedError):
            await pods.follow(server.api, lambda: troubles.append(pods.trouble is not None))
    assert [True, False, True] == troubles
    assert ["a", "b"] == names(pods)


@pytest.mark.parametrize(
    ("answers", "has_trouble"),
    [
        pytest.param(
            (told(), a_list(2), told(("ADDED", a_pod("a", 3)))),
            [True, False, False],
            id="a watch that ends at once",
        ),
        pytest.param(
            (told(("ERROR", GONE)), a_list(2), told(("ERROR", GONE)), a_list(3)),
            [False, True, False],
            id="a version that is not kept again",
        ),
        pytest.param(
            (told(("ERROR", GONE)), a_list(2), told(), a_list(3)),
            [False, True, False],
            id="one after the other",
        ),
    ],
)
async def test_what_gets_nowhere_is_a_failure_after_which_it_pauses(
    answers: Sequence[Answer], has_trouble: list[bool]
) -> None:
    async with play(a_list(1), *answers, FORBIDDEN) as server:
        pods = Followed(PODS, "ns")
        await pods.list(server.api)
        troubles: list[bool] = []
        with pytest.raises(RefusedError):
            await pods.follow(server.api, lambda: troubles.append(pods.trouble is not None))
    assert has_trouble == troubles


async def test_what_is_gone_is_kept_in_mind_as_it_was_last_where_that_is_wanted() -> None:
    last = {"metadata": {**a_pod("a", 4)["metadata"], "labels": {"as": "deleted"}}}
    events = told(("DELETED", last), ("ERROR", GONE))
    async with play(a_list(1, "a", "b", "c"), events, a_list(9, "c"), FORBIDDEN) as server:
        pods = Followed(PODS, "ns", keeps_gone=True)
        await pods.list(server.api)
        with pytest.raises(RefusedError):
            await pods.follow(server.api, lambda: None)
    assert [last, a_pod("b", 1)] == sorted(pods.gone(), key=lambda one: one["metadata"]["uid"])
    assert ["c"] == names(pods)
