"""A Lease is deleted with what cleans up, but not under an operator that holds it."""

from __future__ import annotations

import json
from typing import Any

from played_api_server import Answer, Played, play

from deploytune.runtime.kube.lease import Lease, LeaseTimes

QUICK = LeaseTimes(duration_seconds=1, renew_seconds=0.9, retry_seconds=0.01)
PROMISED_SECONDS = 0.1


def a_lease(version: int = 1, **spec: Any) -> Answer:
    metadata = {"name": "deploytune", "resourceVersion": str(version)}
    spec = {"leaseDurationSeconds": PROMISED_SECONDS, **spec}
    return Answer(body=json.dumps({"metadata": metadata, "spec": spec}))


def held(version: int = 1) -> Answer:
    return a_lease(version, holderIdentity="an-operator")


def deletions(played: Played) -> list[str]:
    """Return the versions whose deletion was asked for."""
    return [
        body["preconditions"]["resourceVersion"]
        for method, _, _, body in played.requests
        if method == "DELETE"
    ]


async def deleted(played: Played) -> bool:
    return await Lease(played.api, "home", "deploytune", "", times=QUICK).delete()


async def test_a_lease_that_was_given_back_is_deleted_as_it_was_seen() -> None:
    async with play(a_lease(7), Answer(body="{}")) as played:
        assert await deleted(played)

    assert ["7"] == deletions(played)


async def test_a_lease_of_an_operator_that_renews_it_is_left() -> None:
    async with play(*map(held, range(1000))) as played:
        assert not await deleted(played)

    assert [] == deletions(played)


async def test_a_lease_of_an_operator_that_was_killed_is_deleted() -> None:
    async with play(*[held()] * 1000) as played:
        assert await deleted(played)

    assert ["1"] == deletions(played)


async def test_a_lease_that_was_taken_meanwhile_is_left() -> None:
    conflict = Answer(409, json.dumps({"kind": "Status", "reason": "Conflict"}))
    async with play(a_lease(), conflict, *map(held, range(2, 1000))) as played:
        assert not await deleted(played)

    assert ["1"] == deletions(played)


async def test_a_lease_that_is_not_there_is_gone() -> None:
    async with play(Answer(404, "{}")) as played:
        assert await deleted(played)
