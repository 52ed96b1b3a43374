"""Calls to a real API server: preconditions, refusals, pages, and a server that is away."""

from __future__ import annotations

import asyncio
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from clusters.access import Access
from clusters.control_plane import ControlPlane
from clusters.kubectl import Kubectl
from clusters.namespaces import Namespace

from deploytune.contract.errors import MachineError
from deploytune.runtime.kube.api_server import ApiServer
from deploytune.runtime.kube.connection import connect
from deploytune.runtime.kube.deletion import Deletion
from deploytune.runtime.kube.errors import (
    AlreadyExistsError,
    ConflictError,
    NotFoundError,
    NotLeadingError,
    RefusedError,
    UnavailableError,
)
from deploytune.runtime.kube.patience import Patience
from deploytune.runtime.kube.resources import PODS, TRIALS, Resource

CONFIG_MAPS = Resource("v1", "configmaps", "ConfigMap")
NODES = Resource("v1", "nodes", "Node")
ONE_CALL = Patience(calls=1, call_seconds=1.0, connect_seconds=1.0)
MANY_CALLS = Patience(calls=200, longest_pause_seconds=0.2)


@pytest_asyncio.fixture
async def api(cluster: Access) -> AsyncIterator[ApiServer]:
    async with connect(cluster.kubeconfig, cluster.context) as server:
        yield server


def a_config_map(name: str = "numbers", **data: str) -> dict[str, Any]:
    return {"metadata": {"name": name}, "data": data}


def a_held_pod() -> dict[str, Any]:
    """A Pod with two finalizers that no node takes."""
    container = {
        "name": "main",
        "image": "none.example/none:1",
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
        },
    }
    security = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    return {
        "metadata": {"name": "held", "finalizers": ["example.com/ours", "example.com/theirs"]},
        "spec": {
            "nodeSelector": {"example.com/none": "such"},
            "containers": [container],
            "securityContext": security,
        },
    }


async def test_what_is_absent_is_an_error_or_none_as_the_caller_likes(
    api: ApiServer, namespace: Namespace
) -> None:
    assert None is await api.find(CONFIG_MAPS, namespace.name, "absent")
    with pytest.raises(NotFoundError, match="absent"):
        await api.get(CONFIG_MAPS, namespace.name, "absent")


async def test_an_object_is_created_once(api: ApiServer, namespace: Namespace) -> None:
    await api.create(CONFIG_MAPS, namespace.name, a_config_map(a="1"))
    with pytest.raises(AlreadyExistsError):
        await api.create(CONFIG_MAPS, namespace.name, a_config_map(a="2"))
    found = await api.get(CONFIG_MAPS, namespace.name, "numbers")
    assert {"a": "1"} == found["data"]


async def test_an_update_of_what_has_changed_since_is_a_conflict(
    api: ApiServer, namespace: Namespace
) -> None:
    read = await api.create(CONFIG_MAPS, namespace.name, a_config_map(a="1"))
    namespace.kubectl.merge("configmap", "numbers", {"data": {"a": "2"}})
    with pytest.raises(ConflictError):
        await api.update(CONFIG_MAPS, namespace.name, {**read, "data": {"a": "3"}})


async def test_an_apply_with_a_stale_version_is_a_conflict(
    api: ApiServer, namespace: Namespace
) -> None:
    read = await api.create(CONFIG_MAPS, namespace.name, a_config_map(a="1"))
    namespace.kubectl.merge("configmap", "numbers", {"data": {"a": "2"}})
    stale = {"name": "numbers", "resourceVersion": read["metadata"]["resourceVersion"]}
    with pytest.raises(ConflictError):
        await api.apply(CONFIG_MAPS, namespace.name, {"metadata": stale, "data": {"a": "3"}})


async def test_an_apply_takes_our_fields_and_leaves_those_of_others(
    api: ApiServer, namespace: Namespace
) -> None:
    namespace.kubectl.apply(
        {"apiVersion": "v1", "kind": "ConfigMap", **a_config_map(ours="1", theirs="2")}
    )
    await api.apply(CONFIG_MAPS, namespace.name, a_config_map(ours="3", more="4"))
    after = await api.apply(CONFIG_MAPS, namespace.name, a_config_map(ours="3"))
    assert {"ours": "3", "theirs": "2"} == after["data"]


async def test_a_deletion_of_another_object_of_the_name_is_a_conflict(
    api: ApiServer, namespace: Namespace
) -> None:
    made = await api.create(CONFIG_MAPS, namespace.name, a_config_map())
    with pytest.raises(ConflictError, match="precondition"):
        await api.delete(CONFIG_MAPS, namespace.name, "numbers", Deletion(uid="another"))
    await api.delete(CONFIG_MAPS, namespace.name, "numbers", Deletion(uid=made["metadata"]["uid"]))
    with pytest.raises(NotFoundError):
        await api.delete(CONFIG_MAPS, namespace.name, "numbers", Deletion())


async def test_a_patch_removes_one_finalizer_or_none_if_a_test_of_it_fails(
    api: ApiServer, namespace: Namespace
) -> None:
    pod = await api.create(PODS, namespace.name, a_held_pod())
    remove = {"op": "remove", "path": "/metadata/finalizers/0"}
    with pytest.raises(ConflictError, match="changed since"):
        await api.json_patch(PODS, namespace.name, "held", [_is_uid("another"), remove])
    after = await api.json_patch(
        PODS, namespace.name, "held", [_is_uid(pod["metadata"]["uid"]), remove]
    )
    assert ["example.com/theirs"] == after["metadata"]["finalizers"]


async def test_a_patch_that_breaks_a_rule_is_refused_and_no_conflict(
    api: ApiServer, namespace: Namespace
) -> None:
    await api.create(PODS, namespace.name, a_held_pod())
    image = {"op": "replace", "path": "/spec/containers/0/name", "value": "another"}
    with pytest.raises(RefusedError, match="Forbidden"):
        await api.json_patch(PODS, namespace.name, "held", [image])


async def test_a_list_in_pages_is_whole(cluster: Access, namespace: Namespace) -> None:
    verbs: Counter[str] = Counter()
    names = [f"part-{number:02}" for number in range(23)]
    namespace.kubectl.apply(
        *({"apiVersion": "v1", "kind": "ConfigMap", **a_config_map(name)} for name in names)
    )
    fields = "metadata.name!=kube-root-ca.crt"
    async with connect(
        cluster.kubeconfig, cluster.context, observer=lambda verb, _code: verbs.update([verb])
    ) as api:
        found = await api.list_all(CONFIG_MAPS, namespace.name, fields=fields, page=10)
    assert names == [each["metadata"]["name"] for each in found]
    assert verbs["list"] >= 3


async def test_a_bad_object_is_refused_in_one_line_that_names_the_field(
    api: ApiServer, namespace: Namespace
) -> None:
    with pytest.raises(RefusedError, match=r"spec\.index") as refused:
        await api.create(TRIALS, namespace.name, _a_trial_with_index(-1))
    assert 1 == len(str(refused.value).splitlines())


async def test_a_missing_right_is_a_refusal(
    cluster: Access, namespace: Namespace, tmp_path: Path
) -> None:
    nobody = cluster.as_service_account(namespace.name, "default", tmp_path)
    async with connect(nobody.kubeconfig, nobody.context) as api:
        with pytest.raises(RefusedError, match="cannot list resource"):
            await api.list_all(NODES)


async def test_nothing_is_written_while_the_guard_says_no(
    api: ApiServer, namespace: Namespace
) -> None:
    guarded = api.guarded_by(lambda: False)
    with pytest.raises(NotLeadingError):
        await guarded.create(CONFIG_MAPS, namespace.name, a_config_map())
    assert None is await guarded.find(CONFIG_MAPS, namespace.name, "numbers")


async def test_a_kubeconfig_that_is_not_there_is_said_in_a_line(tmp_path: Path) -> None:
    with pytest.raises(MachineError, match="no access to a cluster"):
        async with connect(tmp_path / "absent"):
            pass


async def test_a_call_outlasts_a_restart_of_the_api_server(
    control_plane: ControlPlane, kubectl: Kubectl
) -> None:
    access = control_plane.access
    async with connect(access.kubeconfig, access.context, patience=MANY_CALLS) as api:
        control_plane.api_server.stop()
        call = asyncio.create_task(api.create(CONFIG_MAPS, kubectl.namespace, a_config_map()))
        control_plane.api_server.start()
        await asyncio.to_thread(control_plane.await_ready)
        created = await call
    assert "numbers" == created["metadata"]["name"]


async def test_a_server_that_is_away_is_said_to_be_unavailable(control_plane: ControlPlane) -> None:
    access = control_plane.access
    control_plane.api_server.stop()
    try:
        async with connect(access.kubeconfig, access.context, patience=ONE_CALL) as api:
            with pytest.raises(UnavailableError, match="gave no answer"):
                await api.list_all(NODES)
    finally:
        control_plane.api_server.start()
        control_plane.await_ready()


async def test_a_server_that_hangs_is_waited_for_no_longer_than_the_time_out(
    control_plane: ControlPlane,
) -> None:
    access = control_plane.access
    async with connect(access.kubeconfig, access.context, patience=ONE_CALL) as api:
        await api.list_all(NODES)
        control_plane.api_server.signal(signal.SIGSTOP)
        begun = time.monotonic()
        try:
            with pytest.raises(UnavailableError):
                await api.list_all(NODES)
        finally:
            control_plane.api_server.signal(signal.SIGCONT)
    assert time.monotonic() - begun < 2 * ONE_CALL.call_seconds


def _is_uid(uid: str) -> dict[str, str]:
    return {"op": "test", "path": "/metadata/uid", "value": uid}


def _a_trial_with_index(index: int) -> dict[str, Any]:
    return {
        "apiVersion": TRIALS.api_version,
        "kind": TRIALS.kind,
        "metadata": {"name": "broken"},
        "spec": {
            "tuning": "tune",
            "index": index,
            "parameters": {"size": 1},
            "pool": "pool-1",
            "purpose": "Search",
            "proposal": {"strategy": "Random", "searchStage": "Exploring"},
        },
    }
