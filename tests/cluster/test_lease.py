"""The Lease between processes that would all write: who holds it, who waits, and who must end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from clusters.access import Access
from clusters.control_plane import ControlPlane
from clusters.namespaces import Namespace, new_namespace

from deploytune.contract.errors import MachineError
from deploytune.runtime.kube.api_server import ApiServer
from deploytune.runtime.kube.connection import connect
from deploytune.runtime.kube.errors import NotLeadingError
from deploytune.runtime.kube.lease import Lease, LeaseLostError, LeaseTimes
from deploytune.runtime.kube.resources import LEASES, Resource

CONFIG_MAPS = Resource("v1", "configmaps", "ConfigMap")
NAME = "operator"
TIMES = LeaseTimes(duration_seconds=3, renew_seconds=1.5, retry_seconds=0.2)
LONG = LeaseTimes(duration_seconds=60, renew_seconds=40.0, retry_seconds=0.2)
PATIENCE_SECONDS = 30.0


@pytest_asyncio.fixture
async def api(cluster: Access) -> AsyncIterator[ApiServer]:
    async with connect(cluster.kubeconfig, cluster.context) as server:
        yield server


def a_lease(
    api: ApiServer, namespace: Namespace, identity: str = "first", times: LeaseTimes = TIMES
) -> Lease:
    return Lease(api, namespace.name, NAME, identity, watched=[namespace.name], times=times)


async def until(lease: Lease, *, held: bool) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while lease.is_held is not held:  # noqa: ASYNC110 - what is tested tells nobody
            await asyncio.sleep(0.02)


async def test_a_lease_is_held_from_entering_to_leaving(
    api: ApiServer, namespace: Namespace
) -> None:
    lease = a_lease(api, namespace)
    held = [lease.is_held]
    async with lease:
        held.append(lease.is_held)
        during = await api.get(LEASES, namespace.name, NAME)
    held.append(lease.is_held)
    after = await api.get(LEASES, namespace.name, NAME)
    assert [False, True, False] == held
    assert "first" == during["spec"]["holderIdentity"]
    assert "holderIdentity" not in after["spec"]


async def test_a_lease_that_is_renewed_stays_held(api: ApiServer, namespace: Namespace) -> None:
    async with a_lease(api, namespace) as lease:
        keeping = asyncio.create_task(lease.keep())
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(until(lease, held=False), 2 * TIMES.renew_seconds)
        keeping.cancel()


async def test_a_second_replica_waits_and_follows_a_clean_stop_at_once(
    api: ApiServer, namespace: Namespace
) -> None:
    first, second = (a_lease(api, namespace, who, LONG) for who in ("first", "second"))
    async with first:
        waiting = asyncio.create_task(second.__aenter__())
        done, _ = await asyncio.wait([waiting], timeout=5 * LONG.retry_seconds)
        assert not done
    await asyncio.wait_for(waiting, LONG.duration_seconds / 4)
    assert second.is_held
    found = await api.get(LEASES, namespace.name, NAME)
    assert 1 == found["spec"]["leaseTransitions"]


async def test_a_holder_that_is_killed_is_followed_after_its_time(
    api: ApiServer, namespace: Namespace
) -> None:
    killed = a_lease(api, namespace, "killed")
    await killed.__aenter__()
    async with asyncio.timeout(PATIENCE_SECONDS), a_lease(api, namespace, "second") as second:
        assert second.is_held
        assert not killed.is_held


async def test_never_two_hold_it(api: ApiServer, namespace: Namespace) -> None:
    leases = [a_lease(api, namespace, f"number-{number}") for number in range(4)]
    most = 0

    async def hold_for_a_moment(lease: Lease) -> None:
        nonlocal most
        async with lease:
            most = max(most, sum(each.is_held for each in leases))

    await asyncio.wait_for(asyncio.gather(*map(hold_for_a_moment, leases)), PATIENCE_SECONDS)
    assert 1 == most


async def test_a_holder_whose_lease_is_taken_is_told(api: ApiServer, namespace: Namespace) -> None:
    async with a_lease(api, namespace) as lease:
        namespace.kubectl.merge("lease", NAME, {"spec": {"holderIdentity": "thief"}})
        with pytest.raises(LeaseLostError, match="taken by thief"):
            await asyncio.wait_for(lease.keep(), PATIENCE_SECONDS)
        assert not lease.is_held
    found = await api.get(LEASES, namespace.name, NAME)
    assert "thief" == found["spec"]["holderIdentity"]


async def test_a_holder_whose_lease_is_deleted_is_told(
    api: ApiServer, namespace: Namespace
) -> None:
    async with a_lease(api, namespace) as lease:
        namespace.kubectl.run("delete", "lease", NAME)
        with pytest.raises(LeaseLostError, match="was deleted"):
            await asyncio.wait_for(lease.keep(), PATIENCE_SECONDS)


async def test_a_change_by_others_that_leaves_the_holder_is_no_loss(
    api: ApiServer, namespace: Namespace
) -> None:
    async with a_lease(api, namespace) as lease:
        namespace.kubectl.merge("lease", NAME, {"metadata": {"labels": {"example.com/a": "b"}}})
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(lease.keep(), 2 * TIMES.renew_seconds)
        assert lease.is_held


async def test_while_the_api_server_is_away_nothing_is_written_and_then_it_goes_on(
    control_plane: ControlPlane, namespace: Namespace
) -> None:
    access = control_plane.access
    async with (
        connect(access.kubeconfig, access.context) as api,
        a_lease(api, namespace) as lease,
    ):
        guarded = api.guarded_by(lambda: lease.is_held)
        keeping = asyncio.create_task(lease.keep())
        control_plane.api_server.stop()
        await until(lease, held=False)
        with pytest.raises(NotLeadingError):
            await guarded.create(CONFIG_MAPS, namespace.name, {"metadata": {"name": "late"}})
        control_plane.api_server.start()
        await asyncio.to_thread(control_plane.await_ready)
        await until(lease, held=True)
        await guarded.create(CONFIG_MAPS, namespace.name, {"metadata": {"name": "in-time"}})
        keeping.cancel()


async def test_an_installation_for_all_namespaces_refuses_to_start_beside_another(
    api: ApiServer, cluster: Access, namespace: Namespace
) -> None:
    with new_namespace(cluster) as elsewhere:
        everywhere = Lease(api, elsewhere.name, NAME, "second", times=TIMES)
        async with a_lease(api, namespace):
            with pytest.raises(MachineError, match=f"Lease {namespace.name}/{NAME}, held by first"):
                await everywhere.__aenter__()
        assert not everywhere.is_held
        async with everywhere:
            assert everywhere.is_held


async def test_installations_for_different_namespaces_live_side_by_side(
    api: ApiServer, cluster: Access, namespace: Namespace
) -> None:
    with new_namespace(cluster) as elsewhere:
        async with a_lease(api, namespace) as one, a_lease(api, elsewhere) as other:
            assert (True, True) == (one.is_held, other.is_held)


async def test_without_the_right_to_list_everywhere_the_own_namespaces_are_looked_at(
    api: ApiServer, cluster: Access, namespace: Namespace, tmp_path: Path
) -> None:
    verbs = "--verb=get,list,create,update"
    namespace.kubectl.run("create", "role", "leases", verbs, "--resource=leases")
    account = f"--serviceaccount={namespace.name}:default"
    namespace.kubectl.run("create", "rolebinding", "leases", "--role=leases", account)
    local = cluster.as_service_account(namespace.name, "default", tmp_path)
    async with a_lease(api, namespace), connect(local.kubeconfig, local.context) as narrow:
        another = Lease(
            narrow, namespace.name, "another", "second", watched=[namespace.name], times=TIMES
        )
        with pytest.raises(MachineError, match="another installation watches"):
            await another.__aenter__()
