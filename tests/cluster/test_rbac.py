"""With exactly the roles of `api/rbac.py` the operator may do what it needs, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from api_builders import a_cluster_document, a_trial_document
from clusters.access import Access
from clusters.kubectl import Kubectl
from clusters.namespaces import Namespace, new_namespace
from clusters.waiting import eventually

from deploytune.api.rbac import (
    FORESIGHT_PERMISSIONS,
    LEASE_PERMISSIONS,
    TUNING_PERMISSIONS,
    Installation,
    Permission,
    operator_objects,
    user_objects,
)

Question = tuple[str, str, str]
"""A verb, an API group, a resource."""


def questions_of(permissions: Iterable[Permission]) -> list[Question]:
    return [
        (verb, permission.group, resource)
        for permission in permissions
        for resource, verb in product(permission.resources, permission.verbs)
    ]


VERBS = ("get", "list", "watch", "create", "update", "patch", "delete", "deletecollection")
KINDS = (
    ("", "pods"),
    ("", "pods/exec"),
    ("", "pods/attach"),
    ("", "pods/eviction"),
    ("", "pods/status"),
    ("", "pods/log"),
    ("", "events"),
    ("", "secrets"),
    ("", "configmaps"),
    ("", "services"),
    ("", "serviceaccounts"),
    ("", "serviceaccounts/token"),
    ("", "persistentvolumeclaims"),
    ("", "namespaces"),
    ("", "nodes"),
    ("apps", "deployments"),
    ("batch", "jobs"),
    ("apiextensions.k8s.io", "customresourcedefinitions"),
    ("rbac.authorization.k8s.io", "roles"),
    ("rbac.authorization.k8s.io", "clusterrolebindings"),
    ("deploytune.dev", "deploymenttunings"),
    ("deploytune.dev", "deploymenttunings/status"),
    ("deploytune.dev", "deploymenttunings/finalizers"),
    ("deploytune.dev", "tuningtrials"),
    ("deploytune.dev", "tuningtrials/status"),
    ("deploytune.dev", "tuningtrials/finalizers"),
    ("coordination.k8s.io", "leases"),
)
EVERYTHING = [(verb, group, resource) for (group, resource), verb in product(KINDS, VERBS)]
GIVEN = set(questions_of((*TUNING_PERMISSIONS, *FORESIGHT_PERMISSIONS)))
LEASES = set(questions_of(LEASE_PERMISSIONS))


def allowed_of(
    administrator: Kubectl, user: str, questions: Sequence[Question], namespace: str
) -> set[Question]:
    """Ask the API server itself which of these a user may do in a namespace; all if empty."""
    reviews = [a_review(user, question, namespace) for question in questions]
    answers = administrator.run(
        "create",
        "--validate=false",
        "--filename=-",
        "--output=jsonpath={.status.allowed}{'\\n'}",
        document=json.dumps({"apiVersion": "v1", "kind": "List", "items": reviews}),
    ).split()
    return {
        question for question, answer in zip(questions, answers, strict=True) if answer == "true"
    }


def a_review(user: str, question: Question, namespace: str) -> dict[str, Any]:
    verb, group, resource = question
    kind, _, part = resource.partition("/")
    attributes = {
        "verb": verb,
        "group": group,
        "resource": kind,
        "subresource": part,
        "namespace": namespace,
    }
    groups = ["system:authenticated", "system:serviceaccounts"]
    return {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "spec": {"user": user, "groups": groups, "resourceAttributes": attributes},
    }


def account_of(installation: Installation) -> str:
    return f"system:serviceaccount:{installation.namespace}:{installation.name}"


@contextmanager
def installed(cluster: Access, objects: Iterable[dict[str, Any]]) -> Iterator[None]:
    """Apply objects, and delete those that no namespace takes with it."""
    held = list(objects)
    for each in held:
        cluster.kubectl.within(each["metadata"].get("namespace", "default")).apply(each)
    try:
        yield
    finally:
        for each in held:
            if "namespace" not in each["metadata"]:
                cluster.kubectl.run("delete", each["kind"], each["metadata"]["name"])


@pytest.fixture
def watched(cluster: Access) -> Iterator[Namespace]:
    with new_namespace(cluster) as made:
        yield made


@pytest.fixture
def installation(
    cluster: Access, namespace: Namespace, watched: Namespace
) -> Iterator[Installation]:
    """An operator in one namespace that watches another."""
    made = Installation("deploytune", namespace.name, watched=(watched.name,))
    with installed(cluster, operator_objects(made)):
        yield made


def test_every_permission_is_asked_for_here() -> None:
    assert set(EVERYTHING) >= GIVEN | LEASES


def test_where_it_watches_it_may_do_what_it_needs_and_nothing_else(
    cluster: Access, installation: Installation, watched: Namespace
) -> None:
    account = account_of(installation)

    assert allowed_of(cluster.kubectl, account, EVERYTHING, watched.name) == GIVEN


def test_its_own_namespace_gives_it_leases_alone(
    cluster: Access, installation: Installation
) -> None:
    account = account_of(installation)

    assert allowed_of(cluster.kubectl, account, EVERYTHING, installation.namespace) == LEASES


@pytest.mark.parametrize("place", ["default", "kube-system", ""], ids=lambda name: name or "all")
def test_other_namespaces_are_closed_to_it(
    cluster: Access, installation: Installation, place: str
) -> None:
    assert allowed_of(cluster.kubectl, account_of(installation), EVERYTHING, place) == set()


def test_without_a_list_of_namespaces_it_watches_all_of_them(
    cluster: Access, namespace: Namespace
) -> None:
    everywhere = Installation(f"deploytune-{namespace.name}", namespace.name)
    with installed(cluster, operator_objects(everywhere)):
        account = account_of(everywhere)

        for place in ("default", ""):
            assert allowed_of(cluster.kubectl, account, EVERYTHING, place) == GIVEN


def test_the_right_to_look_at_nodes_is_extra_and_for_nothing_else(
    cluster: Access, namespace: Namespace, watched: Namespace
) -> None:
    name = f"deploytune-{namespace.name}"
    looking = Installation(name, namespace.name, watched=(watched.name,), reads_nodes=True)
    with installed(cluster, operator_objects(looking)):
        account = account_of(looking)

        assert allowed_of(cluster.kubectl, account, EVERYTHING, "") == {
            ("get", "", "nodes"),
            ("list", "", "nodes"),
        }


def test_with_its_own_token_it_is_refused_what_it_may_not(
    cluster: Access, installation: Installation, watched: Namespace, tmp_path: Path
) -> None:
    """Not asked but tried, as the account itself."""
    account = cluster.as_service_account(installation.namespace, installation.name, tmp_path)
    there = account.kubectl.within(watched.name)

    assert there.items("deploymenttunings,tuningtrials,pods") == []
    assert "forbidden" in there.attempt("get", "secrets").stderr
    elsewhere = account.kubectl.within(installation.namespace)
    assert "forbidden" in elsewhere.attempt("get", "deploymenttunings").stderr


def grant(namespace: Namespace, role: str, user: str) -> None:
    options = (f"--clusterrole={role}", f"--user={user}")
    namespace.kubectl.run("create", "rolebinding", f"{user}-{role}", *options)


def test_people_who_edit_a_namespace_may_tune_but_not_write_the_record(
    cluster: Access, namespace: Namespace
) -> None:
    tune = ("create", "deploytune.dev", "deploymenttunings")
    read = ("list", "deploytune.dev", "tuningtrials")
    record = ("create", "deploytune.dev", "tuningtrials")
    status = ("patch", "deploytune.dev", "deploymenttunings/status")
    asked = [tune, read, record, status]
    with installed(cluster, user_objects(f"deploytune-{namespace.name}")):
        grant(namespace, "edit", "erin")
        grant(namespace, "view", "victor")
        eventually(
            lambda: {tune, read} == allowed_of(cluster.kubectl, "erin", asked, namespace.name),
            "the aggregated roles",
        )

        assert allowed_of(cluster.kubectl, "victor", asked, namespace.name) == {read}
        create = ("create", "--as=erin", "--filename=-")
        namespace.kubectl.run(*create, document=json.dumps(a_cluster_document()))
        refused = namespace.kubectl.attempt(*create, document=json.dumps(a_trial_document()))
        assert "forbidden" in refused.stderr
