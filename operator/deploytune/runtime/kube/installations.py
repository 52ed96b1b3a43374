"""Installations of the operator that would watch the same namespaces: the later one gives way.

Each says in its Lease which namespaces it watches. They are looked for once the own Lease is held,
so of two that start at the same time at least one sees the other.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import UTC, datetime, timedelta

from deploytune.api.tuning import GROUP
from deploytune.contract.errors import MachineError
from deploytune.runtime.kube.api_server import ApiServer, Json
from deploytune.runtime.kube.errors import RefusedError
from deploytune.runtime.kube.resources import LEASES
from deploytune.state.pods.labels import COMPONENT, MANAGED_BY, MANAGER, selector
from deploytune.state.timestamps import from_timestamp

WATCHED_NAMESPACES = f"{GROUP}/watched-namespaces"
"""Annotation of an operator's Lease: the namespaces, by commas, or a star for all."""

_LABELS = {MANAGED_BY: MANAGER, COMPONENT: "operator"}
_ALL = "*"


def labels_and_annotations(watched: Collection[str]) -> dict[str, dict[str, str]]:
    """Return what a Lease says of its installation; no namespace stands for all."""
    text = ",".join(sorted(watched)) or _ALL
    return {"labels": dict(_LABELS), "annotations": {WATCHED_NAMESPACES: text}}


async def refuse_overlap(
    api: ApiServer, namespace: str, name: str, watched: Collection[str]
) -> None:
    """Refuse to go on beside another installation that watches one of our namespaces.

    Where Leases may not be listed everywhere, those in our own namespaces are looked at.

    Raises:
        MachineError: names the other installation and what both watch.
    """
    now = datetime.now(UTC)
    for lease in await _leases(api, {namespace, *watched}):
        metadata = lease["metadata"]
        if (metadata["namespace"], metadata["name"]) == (namespace, name):
            continue
        theirs = _watched_by(lease)
        if _is_live(lease, now) and _overlap(theirs, watched):
            raise MachineError(
                f"another installation watches {_listed(theirs)}: Lease "
                f"{metadata['namespace']}/{metadata['name']}, held by "
                f"{lease['spec']['holderIdentity']}; this one was to watch {_listed(watched)}"
            )


async def _leases(api: ApiServer, namespaces: Iterable[str]) -> list[Json]:
    labels = selector(_LABELS)
    try:
        return await api.list_all(LEASES, None, labels=labels)
    except RefusedError:
        found: list[Json] = []
        for namespace in sorted(namespaces):
            found += await _leases_in(api, namespace, labels)
        return found


async def _leases_in(api: ApiServer, namespace: str, labels: str) -> list[Json]:
    try:
        return await api.list_all(LEASES, namespace, labels=labels)
    except RefusedError:
        return []


def _watched_by(lease: Json) -> frozenset[str]:
    text = (lease["metadata"].get("annotations") or {}).get(WATCHED_NAMESPACES, _ALL)
    return frozenset() if text == _ALL else frozenset(text.split(","))


def _overlap(theirs: Collection[str], ours: Collection[str]) -> bool:
    return not theirs or not ours or not set(theirs).isdisjoint(ours)


def _is_live(lease: Json, now: datetime) -> bool:
    """Tell whether it has a holder that has renewed it lately."""
    spec = lease["spec"]
    if not spec.get("holderIdentity") or not spec.get("renewTime"):
        return False
    promised = timedelta(seconds=spec.get("leaseDurationSeconds") or 0)
    return now < from_timestamp(spec["renewTime"]) + promised


def _listed(namespaces: Collection[str]) -> str:
    return ", ".join(sorted(namespaces)) or "all namespaces"
