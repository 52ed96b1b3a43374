"""What the labels of a node say of its devices; pure.

The labels are those of NVIDIA's feature discovery, for a whole device or a slice of one, and where
that does not run those of GKE, EKS' Karpenter and AKS. What a node does not say is absent; where
its labels cannot be read at all, everything is unknown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from deploytune.api.trial import NodeDevices, Sharing
from deploytune.api.tuning import NodePoolSpec
from deploytune.state.world import Attempt

Labels = Mapping[str, str]

_NVIDIA = "nvidia.com/"
_WHOLE = "nvidia.com/gpu"
_SHARED_SUFFIX = "-SHARED"
_NOT_SHARED = ("", "none")
_PRODUCTS = (
    "cloud.google.com/gke-accelerator",
    "karpenter.k8s.aws/instance-gpu-name",
    "kubernetes.azure.com/accelerator",
)
_GKE_SHARING = "cloud.google.com/gke-gpu-sharing-strategy"
_GKE_PARTITION = "cloud.google.com/gke-gpu-partition-size"
_ALONE = 1


def devices_of(labels: Labels | None, pool: NodePoolSpec) -> NodeDevices | None:
    """Return what a node says of the devices that a pool asks for, None if it asks for none.

    `labels` are None where they may not be read.
    """
    resource = _resource(pool)
    if resource is None:
        return None
    if labels is None:
        return NodeDevices(sharing=Sharing.UNKNOWN)
    shared = next(_shared(labels, resource), None)
    return NodeDevices(
        product=_product(labels, resource),
        driver=_version(labels, "driver-version.full") or _version(labels, "driver"),
        cuda=_version(labels, "runtime-version.full") or _version(labels, "runtime"),
        mig=_mig(labels, resource),
        sharing=Sharing.EXCLUSIVE if shared is None else Sharing.SHARED,
        shared_by=shared,
    )


def why_not_exclusive(devices: NodeDevices | None, pool: NodePoolSpec, node: str) -> str | None:
    """Return why a trial of a pool may not be measured on a node, None if it may or none knows."""
    if devices is None or devices.sharing is not Sharing.SHARED or pool.allow_shared_devices:
        return None
    return (
        f"node {node} shares its devices ({devices.shared_by}): latencies measured there mean "
        f"little; choose other nodes by nodeSelector of pool {pool.name}"
    )


def placed_on(
    attempt: Attempt, pool: NodePoolSpec | None, labels_of: Callable[[str], Labels | None]
) -> Attempt:
    """Return an attempt with what its node's labels say of the devices of its pool."""
    place = attempt.place
    if place is None or place.node is None or pool is None:
        return attempt
    devices = devices_of(labels_of(place.node), pool)
    why = why_not_exclusive(devices, pool, place.node)
    return replace(attempt, place=replace(place, devices=devices, not_exclusive=why))


def _resource(pool: NodePoolSpec) -> str | None:
    names = (name for name in pool.resources.accelerators if name.startswith(_NVIDIA))
    return next((name.removesuffix(".shared") for name in names), None)


def _product(labels: Labels, resource: str) -> str | None:
    keys = (f"{resource}.product", f"{_WHOLE}.product", *_PRODUCTS)
    return next((labels[key] for key in keys if labels.get(key)), None)


def _version(labels: Labels, of: str) -> str | None:
    if f"{_NVIDIA}cuda.{of}" in labels:
        return labels[f"{_NVIDIA}cuda.{of}"]
    parts = [labels.get(f"{_NVIDIA}cuda.{of}.{part}") for part in ("major", "minor", "rev")]
    return ".".join(part for part in parts if part) or None


def _mig(labels: Labels, resource: str) -> str | None:
    """Return the profile of a slice: by the resource, the product, or GKE's own label."""
    if resource != _WHOLE:
        return resource.removeprefix(f"{_NVIDIA}mig-")
    _, is_slice, profile = labels.get(f"{_WHOLE}.product", "").partition("-MIG-")
    if is_slice:
        return profile.removesuffix(_SHARED_SUFFIX)
    return labels.get(_GKE_PARTITION) or None


def _shared(labels: Labels, resource: str) -> Iterator[str]:
    """Yield the labels by which a node says that it shares its devices, each with its value."""
    keys: Sequence[str] = (f"{resource}.sharing-strategy", _GKE_SHARING)
    yield from (f"{key}={labels[key]}" for key in keys if labels.get(key, "") not in _NOT_SHARED)
    key = f"{resource}.replicas"
    if labels.get(key, "").isdecimal() and int(labels[key]) > _ALONE:
        yield f"{key}={labels[key]}"
    key = f"{resource}.product"  # a node may share its whole devices and not their slices
    if labels.get(key, "").endswith(_SHARED_SUFFIX):
        yield f"{key}={labels[key]}"
