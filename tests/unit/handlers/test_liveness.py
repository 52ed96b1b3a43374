from __future__ import annotations

import asyncio
from pathlib import Path

import aiohttp
import pytest

from deploytune.contract.errors import MachineError
from deploytune.handlers.liveness import LONGEST_SILENCE_SECONDS, Hearing, liveness
from deploytune.handlers.serving import Endpoint, serving


class AgedHearing(Hearing):
    """One that heard of the cluster so many seconds ago."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._heard_at -= seconds


async def test_an_operator_that_has_heard_of_the_cluster_is_alive(unused_tcp_port: int) -> None:
    assert 200 == await status_of(AgedHearing(LONGEST_SILENCE_SECONDS / 2), unused_tcp_port)


async def test_an_operator_that_hears_nothing_for_long_is_dead(unused_tcp_port: int) -> None:
    assert 503 == await status_of(AgedHearing(LONGEST_SILENCE_SECONDS * 2), unused_tcp_port)


async def test_hearing_of_the_cluster_again_revives_it(unused_tcp_port: int) -> None:
    hearing = AgedHearing(LONGEST_SILENCE_SECONDS * 2)

    hearing.heard()

    assert 200 == await status_of(hearing, unused_tcp_port)


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("healthz", id="no URL"),
        pytest.param("http://127.0.0.1/healthz", id="no port"),
        pytest.param("https://127.0.0.1:8080/healthz", id="not http"),
        pytest.param("http://127.0.0.1:99999/healthz", id="no such port"),
        pytest.param("http://192.0.2.1:8080/healthz", id="another machine's address"),
    ],
)
async def test_an_address_that_cannot_be_served_is_one_clear_line(url: str) -> None:
    with pytest.raises(MachineError, match=f"--liveness: .*{url}"):
        async with serving([an_endpoint(url, Hearing())]):
            pass


def an_endpoint(url: str, hearing: Hearing) -> Endpoint:
    return Endpoint("--liveness", url, liveness(hearing))


@pytest.mark.skipif(not Path("/proc/net/if_inet6").exists(), reason="needs IPv6")
async def test_every_address_means_those_of_ipv6_too(unused_tcp_port: int) -> None:
    """A Pod of an IPv6-only network has no other."""
    addresses = [f"http://{host}:{unused_tcp_port}/healthz" for host in ("127.0.0.1", "[::1]")]
    everywhere = f"http://0.0.0.0:{unused_tcp_port}/healthz"

    assert [200, 200] == [await status_at(each, Hearing(), everywhere) for each in addresses]


async def status_of(hearing: Hearing, port: int) -> int:
    url = f"http://127.0.0.1:{port}/healthz"
    return await status_at(url, hearing, url)


async def status_at(url: str, hearing: Hearing, served: str) -> int:
    async with (
        asyncio.timeout(10),
        serving([an_endpoint(served, hearing)]),
        aiohttp.ClientSession() as session,
        session.get(url) as answer,
    ):
        return answer.status
