"""The labels of nodes, asked for when a trial is there and kept for a while.

Reading Nodes is an optional right: where it is refused, the labels are unknown, and asked for again
later, since it may have been given meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from deploytune.contract.errors import ClusterError
from deploytune.runtime.kube.api_server import ApiServer
from deploytune.runtime.kube.resources import NODES

Labels = Mapping[str, str]

_KEPT = timedelta(minutes=5)
"""Devices are divided and drivers changed more rarely, and never under a trial."""


class NodeLabels:
    """What is known of nodes' labels."""

    def __init__(self) -> None:
        """Know nothing yet."""
        self._known: dict[str, tuple[datetime, Labels | None]] = {}

    async def learn(self, api: ApiServer, nodes: Iterable[str], now: datetime) -> None:
        """Ask for the labels of nodes that are not known, or no longer."""
        self._known = {
            node: (since, labels)
            for node, (since, labels) in self._known.items()
            if now < since + _KEPT
        }
        for node in sorted(set(nodes) - self._known.keys()):
            self._known[node] = now, await _read(api, node)

    def of(self, node: str) -> Labels | None:
        """Return a node's labels, None if they are not known."""
        return self._known.get(node, (None, None))[1]


async def _read(api: ApiServer, node: str) -> Labels | None:
    try:
        found = await api.get(NODES, None, node)
    except ClusterError:  # a pass does not fail for what it can do without
        return None
    labels = found["metadata"].get("labels") or {}
    return {str(key): str(value) for key, value in labels.items()}
