"""What the cluster itself can do: Pods created, awaited and deleted, nothing else."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from itertools import count
from typing import Any

from deploytune.bench.cluster.pod_watch import PodWatch
from deploytune.bench.cluster.tunings import Load, make_namespace
from deploytune.runtime.kube.api_server import ApiServer
from deploytune.runtime.kube.deletion import Deletion
from deploytune.runtime.kube.errors import NotFoundError
from deploytune.runtime.kube.resources import PODS
from deploytune.state.pods.labels import CONTAINER, TRIAL_PODS


async def run_bare_loop(api: ApiServer, watch: PodWatch, load: Load, seconds: float) -> float:
    """Return Pods a second, with one in flight for each tuning of the load."""
    await make_namespace(api, load.namespace)
    ends_at = time.monotonic() + seconds
    loops = (_loop(api, watch, load, name, ends_at) for name in load.names)
    return sum(await asyncio.gather(*loops)) / seconds


async def _loop(api: ApiServer, watch: PodWatch, load: Load, name: str, ends_at: float) -> int:
    for number in count():
        pod = _pod(load, f"{name}-bare-{number}")
        await api.create(PODS, load.namespace, pod)
        await watch.ended(pod["metadata"]["name"])
        with suppress(NotFoundError):
            await api.delete(PODS, load.namespace, pod["metadata"]["name"], Deletion())
        if time.monotonic() > ends_at:
            return number
    raise AssertionError


def _pod(load: Load, name: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": dict(TRIAL_PODS)},
        "spec": {
            "restartPolicy": "Never",
            "nodeSelector": load.node_selector,
            "containers": [{"name": CONTAINER, "image": "bench"}],
        },
    }
