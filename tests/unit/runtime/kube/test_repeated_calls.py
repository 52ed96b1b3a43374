"""Calls to a server that answers as a real one rarely does: overloaded, or a list expired."""

from __future__ import annotations

import pytest
from played_api_server import QUICK, Answer, play

from deploytune.runtime.kube.deletion import Deletion
from deploytune.runtime.kube.errors import RefusedError, UnavailableError
from deploytune.runtime.kube.resources import PODS, TRIALS


@pytest.mark.parametrize("code", [401, 408, 429, 500, 503, 504])
async def test_a_call_is_made_again_while_the_server_is_overloaded(code: int) -> None:
    async with play(Answer(code), Answer(code), Answer()) as server:
        assert [] == await server.api.list_all(PODS, "ns")
    assert [("list", code), ("list", code), ("list", 200)] == server.observed


async def test_the_number_of_calls_is_bounded() -> None:
    async with play(*[Answer(503, "busy")] * 9) as server:
        with pytest.raises(UnavailableError, match="answered 503: busy"):
            await server.api.list_all(PODS, "ns")
    assert QUICK.calls == len(server.requests)


async def test_a_refusal_is_not_asked_again() -> None:
    async with play(Answer(403, '{"message": "exceeded\\nquota"}')) as server:
        with pytest.raises(RefusedError, match=r"^exceeded quota$"):
            await server.api.create(PODS, "ns", {"metadata": {"name": "one"}})
    assert 1 == len(server.requests)


async def test_a_longer_rest_than_ours_is_left_to_the_caller() -> None:
    async with play(Answer(429, "slow down", {"Retry-After": "600"})) as server:
        with pytest.raises(UnavailableError) as unavailable:
            await server.api.list_all(PODS, "ns")
    assert 600 == unavailable.value.retry_after_seconds
    assert 1 == len(server.requests)


async def test_a_list_whose_pages_have_expired_is_made_again_in_one_piece() -> None:
    first = '{"items": [{"a": 1}], "metadata": {"continue": "token"}}'
    whole = '{"items": [{"a": 1}, {"a": 2}], "metadata": {}}'
    async with play(Answer(body=first), Answer(410), Answer(body=whole)) as server:
        found = await server.api.list_all(PODS, "ns", labels="a=b", fields="c=d", page=1)
    assert [{"a": 1}, {"a": 2}] == found
    selectors = {"labelSelector": "a=b", "fieldSelector": "c=d"}
    assert [
        {**selectors, "limit": "1"},
        {**selectors, "limit": "1", "continue": "token"},
        selectors,
    ] == [query for _, _, query, _ in server.requests]


async def test_a_server_that_ends_the_connection_is_asked_again() -> None:
    async with play(Answer(is_cut=True), Answer()) as server:
        await server.api.create(PODS, "ns", {"metadata": {"name": "one"}})
    assert [("create", None), ("create", 200)] == server.observed


async def test_a_deletion_says_which_object_it_means() -> None:
    deletion = Deletion("the-uid", "7", propagation="Foreground", grace_seconds=3)
    async with play(Answer()) as server:
        await server.api.delete(PODS, "ns", "one", deletion)
    options = {
        "preconditions": {"uid": "the-uid", "resourceVersion": "7"},
        "propagationPolicy": "Foreground",
        "gracePeriodSeconds": 3,
    }
    assert [("DELETE", "/api/v1/namespaces/ns/pods/one", {}, options)] == server.requests


async def test_an_applied_status_is_forced_under_our_name() -> None:
    body = {"metadata": {"name": "t-0"}, "status": {"message": "x"}}
    async with play(Answer()) as server:
        await server.api.apply(TRIALS, "ns", body, "status")
    ((method, path, query, sent),) = server.requests
    assert ("PATCH", {"fieldManager": "deploytune", "force": "true"}) == (method, query)
    assert "/apis/deploytune.dev/v1alpha1/namespaces/ns/tuningtrials/t-0/status" == path
    assert {"apiVersion": TRIALS.api_version, "kind": "TuningTrial", **body} == sent


async def test_logs_are_asked_for_by_their_last_lines() -> None:
    async with play(Answer(body="one\ntwo\n")) as server:
        assert "one\ntwo\n" == await server.api.logs("ns", "one", "trial", 2)
    ((_, path, query, _),) = server.requests
    assert "/api/v1/namespaces/ns/pods/one/log" == path
    assert {"container": "trial", "tailLines": "2", "limitBytes": str(2**18)} == query


async def test_what_is_no_json_is_no_answer() -> None:
    async with play(*[Answer(200, "<html>a proxy</html>")] * 2) as server:
        with pytest.raises(UnavailableError, match="gave no answer"):
            await server.api.list_all(PODS, "ns")


async def test_what_is_applied_can_be_read_as_yaml() -> None:
    """JSON's surrogates and characters that are not printable are no YAML."""
    body = {"metadata": {"name": "one"}, "status": {"message": "\N{HUGGING FACE} \x7f \x85"}}
    async with play(Answer()) as server:
        await server.api.apply(TRIALS, "ns", body, "status")
    ((_, _, _, sent),) = server.requests
    assert body["status"] == sent["status"]
