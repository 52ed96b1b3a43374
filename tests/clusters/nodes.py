"""What real and pretended nodes have in common: pools by label, accelerators, readiness."""

from __future__ import annotations

from datetime import datetime

from clusters.access import Access
from clusters.components import LONG_AGO

ACCELERATOR = "nvidia.com/gpu"
POOL_LABEL = "example.com/gpu-pool"
POOLS = ("pool-1", "pool-2")
"""One node each, on the tests' own clusters; on a user's, whatever nodes carry these labels."""


def is_ready(access: Access, name: str, since: datetime = LONG_AGO) -> bool:
    """Whether the API server holds a node for ready, by a word of the node's own after `since`."""
    node = access.kubectl.get("node", name) or {}
    conditions = node.get("status", {}).get("conditions", [])
    return any(
        condition["type"] == "Ready"
        and condition["status"] == "True"
        and datetime.fromisoformat(condition["lastHeartbeatTime"]) > since
        for condition in conditions
    )
