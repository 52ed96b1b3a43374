"""The operator's writes, from the API server's own audit log."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

from deploytune.state.pods.labels import MANAGER

_WRITES = frozenset({"create", "update", "patch", "delete"})
_OF_NO_TRIAL = frozenset({"leases", "namespaces", "selfsubjectaccessreviews"})
_LOAD = ("create", "deploymenttunings")


def writes_by_kind(log: Path, start: int) -> Counter[str]:
    """Count the operator's writes since a place in the log.

    Its Lease and its checks at the start are left out, and so is what the benchmark creates.
    """
    writes: Counter[str] = Counter()
    with log.open("rb") as lines:
        lines.seek(start)
        for line in lines:
            event = json.loads(line)
            target = event.get("objectRef", {})
            is_ours = str(event.get("userAgent", "")).startswith(f"{MANAGER}/")
            if not is_ours or event["verb"] not in _WRITES or target["resource"] in _OF_NO_TRIAL:
                continue
            if (event["verb"], target["resource"]) == _LOAD:
                continue
            part = f"/{target['subresource']}" if target.get("subresource") else ""
            writes[f"{event['verb']} {target['resource']}{part}"] += 1
    return writes
