"""What the operator may do in a cluster, as data: no verb that it does not use.

    objects              operator                          where
    tunings              read, delete                      the watched namespaces
    trials               read, create                      the watched namespaces
    .../status           patch                             the watched namespaces
    .../finalizers       update: owners that block         the watched namespaces
    Pods                 read, create, patch, delete       the watched namespaces
    Events               create, list                      the watched namespaces
    Leases               list: others that watch, too      the watched namespaces
    Leases               get, list, create, update         its own namespace
    volume claims        get: whether they are there       the watched namespaces; optional
    Nodes                get, list: labels, devices        the cluster; optional

What cleans up after it may read and patch Pods there, and read and delete the Lease.

No Secrets, no exec. Without a list of namespaces all but the last is a ClusterRole.
People get `view` and `edit` through Kubernetes' own aggregated roles; trials are the operator's
record, so nobody else is given the right to write them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from deploytune.api.tuning import GROUP

Object = dict[str, Any]

_API = "rbac.authorization.k8s.io"
_READ = ("get", "list", "watch")


@dataclass(frozen=True)
class Permission:
    """Verbs on kinds of one API group."""

    group: str
    resources: tuple[str, ...]
    verbs: tuple[str, ...]

    def to_rule(self) -> Object:
        """Return the permission as a rule of a role."""
        return {
            "apiGroups": [self.group],
            "resources": list(self.resources),
            "verbs": list(self.verbs),
        }


TUNING_PERMISSIONS = (
    Permission(GROUP, ("deploymenttunings",), (*_READ, "delete")),  # deleted when its TTL is over
    Permission(GROUP, ("tuningtrials",), (*_READ, "create")),
    Permission(GROUP, ("deploymenttunings/status", "tuningtrials/status"), ("patch",)),
    # Where OwnerReferencesPermissionEnforcement is on, an owner that blocks asks for this.
    Permission(GROUP, ("deploymenttunings/finalizers", "tuningtrials/finalizers"), ("update",)),
    Permission("", ("pods",), (*_READ, "create", "patch", "delete")),
    Permission("", ("events",), ("list", "create")),
    # Another installation that watches the same namespaces is found by its Lease.
    Permission("coordination.k8s.io", ("leases",), ("list",)),
)
"""In every namespace whose tunings the operator runs."""

FORESIGHT_PERMISSIONS = (Permission("", ("persistentvolumeclaims",), ("get",)),)
"""There too, but not asked for: a Pod whose claim is not there waits without a node."""

LEASE_PERMISSIONS = (
    Permission("coordination.k8s.io", ("leases",), ("get", "list", "create", "update")),
)
"""In the operator's own namespace."""

NODE_PERMISSIONS = (Permission("", ("nodes",), ("get", "list")),)
"""Optional, and of the whole cluster: without it nothing is known of nodes and their devices."""

POD_RELEASE_PERMISSIONS = (Permission("", ("pods",), ("get", "list", "patch")),)
"""Of what lets go of trial Pods when the operator is gone, where it worked."""

LEASE_RELEASE_PERMISSIONS = (Permission("coordination.k8s.io", ("leases",), ("get", "delete")),)
"""Of the same, in the operator's own namespace."""

VIEW_PERMISSIONS = (Permission(GROUP, ("deploymenttunings", "tuningtrials"), _READ),)
EDIT_PERMISSIONS = (
    Permission(
        GROUP,
        ("deploymenttunings",),
        ("create", "update", "patch", "delete", "deletecollection"),
    ),
)
"""What people get who may view, or edit, the objects of a namespace."""


@dataclass(frozen=True)
class Installation:
    """An installed operator: its name, its namespace, and whose tunings it runs; all if empty.

    `reads_nodes` lets it look at the nodes of a tuning's pools, and at those its trials ran on.
    """

    name: str
    namespace: str
    watched: tuple[str, ...] = ()
    reads_nodes: bool = False

    @property
    def cluster_name(self) -> str:
        """The name of what stands outside namespaces: others of the same name may be installed."""
        return f"{self.name}-{self.namespace}" if self.watched else self.name


def operator_objects(installation: Installation) -> Iterator[Object]:
    """Yield the operator's service account, and the roles bound to it."""
    there = (*TUNING_PERMISSIONS, *FORESIGHT_PERMISSIONS)
    yield from _account_objects(installation, there, LEASE_PERMISSIONS)
    if installation.reads_nodes:
        yield from _granted(
            installation, f"{installation.cluster_name}-nodes", NODE_PERMISSIONS, None
        )


def release_objects(installation: Installation) -> Iterator[Object]:
    """Yield the same for what cleans up after an operator; `name` is its account's own."""
    yield from _account_objects(installation, POD_RELEASE_PERMISSIONS, LEASE_RELEASE_PERMISSIONS)


def user_objects(name: str) -> Iterator[Object]:
    """Yield what adds the kinds to Kubernetes' own roles for people."""
    for to, permissions in (("view", VIEW_PERMISSIONS), ("edit", EDIT_PERMISSIONS)):
        role = _role(f"{name}-{to}", permissions, None)
        role["metadata"]["labels"] = {
            f"{_API}/aggregate-to-{kind}": "true" for kind in _roles_that_include(to)
        }
        yield role


def _roles_that_include(kind: str) -> Sequence[str]:
    roles = ("view", "edit", "admin")
    return roles[roles.index(kind) :]


def _account_objects(
    installation: Installation, there: Sequence[Permission], at_home: Sequence[Permission]
) -> Iterator[Object]:
    """Yield an account and its roles: where tunings are watched, and in its own namespace."""
    name = installation.name
    yield {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": name, "namespace": installation.namespace},
    }
    for namespace in installation.watched or (None,):
        yield from _granted(installation, name, there, namespace)
    yield from _granted(installation, f"{name}-lease", at_home, installation.namespace)


def _granted(
    installation: Installation,
    role: str,
    permissions: Sequence[Permission],
    namespace: str | None,
) -> Iterator[Object]:
    """Yield a role and its binding, of a namespace or of the whole cluster."""
    cluster = "Cluster" if namespace is None else ""
    yield _role(role, permissions, namespace)
    yield {
        "apiVersion": f"{_API}/v1",
        "kind": f"{cluster}RoleBinding",
        "metadata": _metadata(role, namespace),
        "roleRef": {"apiGroup": _API, "kind": f"{cluster}Role", "name": role},
        "subjects": [
            {
                "kind": "ServiceAccount",
                "name": installation.name,
                "namespace": installation.namespace,
            }
        ],
    }


def _role(name: str, permissions: Sequence[Permission], namespace: str | None) -> Object:
    return {
        "apiVersion": f"{_API}/v1",
        "kind": "ClusterRole" if namespace is None else "Role",
        "metadata": _metadata(name, namespace),
        "rules": [permission.to_rule() for permission in permissions],
    }


def _metadata(name: str, namespace: str | None) -> Object:
    return {"name": name} if namespace is None else {"name": name, "namespace": namespace}
