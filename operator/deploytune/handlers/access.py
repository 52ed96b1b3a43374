"""Looks before the start whether the operator can work here, and says in a line if it cannot."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from deploytune.api.rbac import LEASE_PERMISSIONS, TUNING_PERMISSIONS, Permission
from deploytune.api.tuning import API_VERSION
from deploytune.contract.errors import MachineError
from deploytune.runtime.kube.api_server import ApiServer
from deploytune.runtime.kube.errors import NotFoundError
from deploytune.runtime.kube.resources import TRIALS, TUNINGS, Resource

_DISCOVERY = Resource(API_VERSION, "", "APIResourceList")
_REVIEWS = Resource(
    "authorization.k8s.io/v1", "selfsubjectaccessreviews", "SelfSubjectAccessReview"
)


class _Right(NamedTuple):
    """A verb on a kind of objects, in a namespace or, where that is None, in all."""

    verb: str
    group: str
    resource: str
    namespace: str | None


async def check_access(
    api: ApiServer, namespaces: Sequence[str | None], lease_namespace: str
) -> None:
    """Check that the CRDs are there and that every right is given.

    Raises:
        MachineError: says what to apply, or which verb on what is missing.
        ClusterError: the API server gives no answer.
    """
    await _check_crds(api)
    wanted = [
        *(right for namespace in namespaces for right in _rights(TUNING_PERMISSIONS, namespace)),
        *_rights(LEASE_PERMISSIONS, lease_namespace),
    ]
    given = await asyncio.gather(*(_is_given(api, right) for right in wanted))
    missing = [right for right, is_given in zip(wanted, given, strict=True) if not is_given]
    if missing:
        right, *others = missing
        where = "all namespaces" if right.namespace is None else f"namespace {right.namespace}"
        name = f"{right.resource}.{right.group}" if right.group else right.resource
        more = f"; {len(others)} more rights are missing" if others else ""
        raise MachineError(f"the operator's account may not {right.verb} {name} in {where}{more}")


def _rights(permissions: Iterable[Permission], namespace: str | None) -> Iterator[_Right]:
    for permission in permissions:
        for resource, verb in itertools.product(permission.resources, permission.verbs):
            yield _Right(verb, permission.group, resource, namespace)


async def _check_crds(api: ApiServer) -> None:
    """Check that the API server knows our two kinds.

    Raises:
        MachineError: it does not.
    """
    try:
        served = await api.get(_DISCOVERY, None, "")
    except NotFoundError:
        served = {"resources": ()}
    names = {each["name"] for each in served["resources"]}
    if not {TUNINGS.plural, TRIALS.plural} <= names:
        raise MachineError(
            f"the API server does not know {API_VERSION}: "
            "apply the CRDs first (kubectl apply --server-side -f crds/)"
        )


async def _is_given(api: ApiServer, right: _Right) -> bool:
    resource, _, subresource = right.resource.partition("/")
    asked = {
        "verb": right.verb,
        "group": right.group,
        "resource": resource,
        "subresource": subresource,
        "namespace": right.namespace or "",
    }
    body = {
        "apiVersion": _REVIEWS.api_version,
        "kind": _REVIEWS.kind,
        "spec": {"resourceAttributes": asked},
    }
    answer = await api.create(_REVIEWS, None, body)
    return bool(answer["status"]["allowed"])
