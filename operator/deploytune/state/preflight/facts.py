"""What is known of a cluster before a tuning runs there; the adapter gathers it.

A fact that could not be read is `Unread` with the reason: it is never taken for one that is good or
bad.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple


@dataclass(frozen=True)
class Unread:
    """Something that could not be read, and why."""

    why: str


class Taint(NamedTuple):
    """What keeps Pods off a node that do not tolerate it."""

    key: str
    value: str
    effect: str

    def __str__(self) -> str:
        """Return it as `kubectl taint` takes it."""
        value = f"={self.value}" if self.value else ""
        return f"{self.key}{value}:{self.effect}"


@dataclass(frozen=True)
class Node:
    """One node: its labels, taints, what Pods may use of it, and the images it says it has."""

    name: str
    labels: Mapping[str, str] = field(default_factory=dict)
    taints: tuple[Taint, ...] = ()
    allocatable: Mapping[str, str] = field(default_factory=dict)
    images: frozenset[str] = frozenset()


class Kind(StrEnum):
    """The kinds of objects that a trial Pod may name."""

    CONFIG_MAP = "ConfigMap"
    SECRET = "Secret"  # noqa: S105 - a kind
    CLAIM = "PersistentVolumeClaim"
    STORAGE_CLASS = "StorageClass"
    PRIORITY_CLASS = "PriorityClass"
    RUNTIME_CLASS = "RuntimeClass"
    LOCAL_QUEUE = "LocalQueue"


class ObjectKey(NamedTuple):
    """An object by its kind and name."""

    kind: Kind
    name: str


class Presence(StrEnum):
    """Whether an object is there."""

    THERE = "There"
    MISSING = "Missing"
    NOT_SERVED = "NotServed"
    """The API server does not know its kind."""


@dataclass(frozen=True)
class Quota:
    """A ResourceQuota without scopes: what may be used, and what is."""

    name: str
    hard: Mapping[str, str]
    used: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Refused:
    """The API server would not create a Pod, in its own words."""

    message: str


@dataclass(frozen=True)
class ClusterFacts:
    """What is known, as far as it was asked for.

    `nodes` holds those that carry the labels of each pool. `adds_nodes` names what may add some,
    None where nothing was found that does. `admissions` is what a rehearsal of each pool's first
    Pod said: None where it was taken. `image` is what trial Pods run, None where that is not known.
    """

    nodes: Mapping[str, tuple[Node, ...] | Unread]
    adds_nodes: str | None = None
    objects: Mapping[ObjectKey, Presence | Unread] = field(default_factory=dict)
    admissions: Mapping[str, Refused | Unread | None] = field(default_factory=dict)
    quotas: tuple[Quota, ...] | Unread = ()
    image: str | None = None
