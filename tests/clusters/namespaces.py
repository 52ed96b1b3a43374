"""A namespace per test: Pod Security `restricted`, and gone without a wait when the test ends."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from clusters.access import Access
from clusters.kubectl import Kubectl
from clusters.waiting import eventually

RESTRICTED = {"pod-security.kubernetes.io/enforce": "restricted"}


@dataclass(frozen=True)
class Namespace:
    """A namespace of one test, and kubectl inside it."""

    name: str
    kubectl: Kubectl


@contextmanager
def new_namespace(
    access: Access, *, labels: Mapping[str, str] | None = None
) -> Iterator[Namespace]:
    """Make a namespace whose Pods are accepted; delete it when the context ends."""
    name = f"test-{secrets.token_hex(4)}"
    document = {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": name, "labels": dict(RESTRICTED if labels is None else labels)},
    }
    access.kubectl.create(document)
    kubectl = access.kubectl.within(name)
    try:
        _await_service_account(kubectl)
        yield Namespace(name, kubectl)
    finally:
        _strip_finalizers(kubectl)
        kubectl.attempt("delete", "namespace", name, "--wait=false", "--ignore-not-found")


def _await_service_account(kubectl: Kubectl) -> None:
    """Pods are refused until the controller manager has made it."""
    eventually(lambda: kubectl.get("serviceaccount", "default"), "the default service account")


def _strip_finalizers(kubectl: Kubectl) -> None:
    """Nobody else releases the Pods of an operator whose test is over."""
    held = [pod["metadata"] for pod in kubectl.items("pods") if pod["metadata"].get("finalizers")]
    for metadata in held:
        free = json.dumps({"metadata": {"finalizers": None}})
        kubectl.attempt("patch", "pod", metadata["name"], "--type=merge", f"--patch={free}")
