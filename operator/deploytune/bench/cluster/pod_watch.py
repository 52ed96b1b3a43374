"""When trial Pods appear and end, as one watch sees it."""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from aiohttp import ClientResponse
from kubernetes.aio.client import ApiClient, CoreV1Api

from deploytune.bench.cluster.measurements import Sighting
from deploytune.runtime.kube.connection import read_configuration
from deploytune.state.pods.labels import TRIAL_PODS, TUNING, selector

_ENDED = ("Succeeded", "Failed")


class PodWatch:
    """Notes the first sighting of every trial Pod, alive and ended; an asynchronous context."""

    def __init__(self, kubeconfig: Path) -> None:
        """Watch all namespaces of the cluster."""
        self._kubeconfig = kubeconfig
        self._seen: dict[tuple[str, bool], Sighting] = {}
        self._ended: dict[str, asyncio.Event] = {}

    @property
    def sightings(self) -> tuple[Sighting, ...]:
        """All first sightings."""
        return tuple(self._seen.values())

    def forget(self) -> None:
        """Begin anew; what was seen before is not seen again."""
        self._seen = {}

    async def ended(self, pod: str) -> None:
        """Return once a Pod of this name has ended."""
        await self._ended.setdefault(pod, asyncio.Event()).wait()

    async def __aenter__(self) -> Self:
        """Begin to watch."""
        self._client = ApiClient(await read_configuration(self._kubeconfig))
        self._task = asyncio.create_task(self._watch())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the watch."""
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task
        await self._client.close()

    async def _watch(self) -> None:
        pods = CoreV1Api(self._client)
        while True:  # the server ends a watch now and then
            response: ClientResponse = (
                await pods.list_pod_for_all_namespaces_without_preload_content(
                    label_selector=selector(TRIAL_PODS), watch=True
                )
            )
            buffered = b""
            async for chunk in response.content.iter_any():
                *lines, buffered = (buffered + chunk).split(b"\n")
                for event in map(json.loads, lines):
                    if event["type"] != "ERROR":  # after which the watch ends, and begins anew
                        self._note(event["object"])

    def _note(self, pod: dict[str, Any]) -> None:
        metadata = pod["metadata"]
        name = metadata["name"]
        has_ended = pod.get("status", {}).get("phase") in _ENDED
        if (name, has_ended) not in self._seen:
            tuning = metadata["labels"].get(TUNING, "")
            self._seen[name, has_ended] = Sighting(tuning, name, has_ended, time.monotonic())
        if has_ended:
            self._ended.setdefault(name, asyncio.Event()).set()
