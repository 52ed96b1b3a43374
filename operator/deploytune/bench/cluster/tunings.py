"""The load of a benchmark: tunings that run one trial at a time, spread over namespaces."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from deploytune.api.tuning import API_VERSION
from deploytune.handlers.endings import is_finished
from deploytune.runtime.kube.api_server import ApiServer
from deploytune.runtime.kube.deletion import Deletion
from deploytune.runtime.kube.errors import AlreadyExistsError, NotFoundError
from deploytune.runtime.kube.resources import TUNINGS, Resource

_NAMESPACES = Resource("v1", "namespaces", "Namespace")
_SERVICE_ACCOUNTS = Resource("v1", "serviceaccounts", "ServiceAccount")
_PREFIX = "deploytune-bench"
_PAUSE_SECONDS = 0.5


@dataclass(frozen=True)
class Load:
    """So many tunings of so many trials each; `pool_label` and `annotation` are KEY=VALUE.

    They are created `pause_seconds` apart, so that their trials do not all end at once.
    """

    tunings: int
    trials: int
    strategy: str
    pool_label: str
    annotation: str | None = None
    pause_seconds: float = 0.0

    @property
    def namespace(self) -> str:
        """Where the tunings are."""
        return _PREFIX

    @property
    def node_selector(self) -> dict[str, str]:
        """The labels of the pool's nodes."""
        return _pair(self.pool_label)

    @property
    def annotations(self) -> dict[str, str]:
        """What trial Pods carry: such as how long a node that runs nothing lets them run."""
        return {} if self.annotation is None else _pair(self.annotation)

    @property
    def names(self) -> Iterator[str]:
        """The tunings' names."""
        return (f"bench-{number}" for number in range(self.tunings))


async def make_namespace(api: ApiServer, name: str) -> None:
    """Make a namespace, and wait until Pods are taken there."""
    with suppress(AlreadyExistsError):
        await api.create(_NAMESPACES, None, _document("v1", "Namespace", name, {}))
    while await api.find(_SERVICE_ACCOUNTS, name, "default") is None:  # noqa: ASYNC110 - no event
        await asyncio.sleep(_PAUSE_SECONDS)


async def create_tunings(api: ApiServer, load: Load) -> None:
    """Create all tunings."""
    await make_namespace(api, load.namespace)
    for name in load.names:
        await api.create(TUNINGS, load.namespace, _tuning(load, name))
        await asyncio.sleep(load.pause_seconds)


async def await_finished(api: ApiServer, load: Load, seconds: float) -> None:
    """Return when all tunings have ended.

    Raises:
        TimeoutError: some had not after so many seconds.
    """
    async with asyncio.timeout(seconds):
        while True:
            found = await api.list_all(TUNINGS, load.namespace)
            if all(map(is_finished, found)):
                return
            await asyncio.sleep(_PAUSE_SECONDS)


async def remove_tunings(api: ApiServer, load: Load) -> None:
    """Delete the namespace of the load and all that is in it, and wait until it is gone."""
    with suppress(NotFoundError):
        await api.delete(_NAMESPACES, None, load.namespace, Deletion())
    while await api.find(_NAMESPACES, None, load.namespace) is not None:  # noqa: ASYNC110 - no event
        await asyncio.sleep(_PAUSE_SECONDS)


def _tuning(load: Load, name: str) -> dict[str, Any]:
    spec = {
        "objectives": [{"metric": "throughput", "load": "full", "direction": "Maximize"}],
        "constraints": [{"metric": "server_memory_mib", "max": 200}],
        "searchSpace": {
            "parameters": [
                {"name": "size", "type": "Integer", "min": 1, "max": 64, "default": 1},
                {"name": "level", "type": "Integer", "min": 0, "max": 999, "default": 0},
            ]
        },
        "nodePools": [
            {
                "name": "pool",
                "nodeSelector": load.node_selector,
                "resources": {"cpu": "10m", "memory": "16Mi"},
            }
        ],
        "budget": {"maxTrials": load.trials, "confirmations": 1},
        "algorithm": {"name": load.strategy},
        "trial": {"image": "bench", "podTemplate": {"annotations": load.annotations}},
        "workload": {
            "models": [{"name": "model", "source": "model.onnx"}],
            "loads": [{"name": "full", "type": "ClosedLoop", "concurrency": 1}],
        },
    }
    return _document(API_VERSION, "DeploymentTuning", name, {"spec": spec})


def _pair(text: str) -> dict[str, str]:
    key, _, value = text.partition("=")
    return {key: value}


def _document(api_version: str, kind: str, name: str, more: dict[str, Any]) -> dict[str, Any]:
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": name}, **more}
