"""The user's own cluster instead of one that the tests make: only when it is named twice.

DEPLOYTUNE_TEST_KUBECONFIG and DEPLOYTUNE_TEST_CONTEXT say which; DEPLOYTUNE_TEST_ALLOWED_CONTEXTS
must list that context too, so that a kubeconfig left in the environment is never written to.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

import yaml

from clusters.access import Access
from clusters.binaries import binaries

KUBECONFIG = "DEPLOYTUNE_TEST_KUBECONFIG"
CONTEXT = "DEPLOYTUNE_TEST_CONTEXT"
ALLOWED = "DEPLOYTUNE_TEST_ALLOWED_CONTEXTS"


class NotAllowedError(Exception):
    """The environment names a cluster that the tests may not touch."""


def is_named(environment: Mapping[str, str]) -> bool:
    """Whether the tests are meant for a cluster of the user's."""
    return bool(environment.get(KUBECONFIG) or environment.get(CONTEXT))


def users_cluster(environment: Mapping[str, str]) -> tuple[Path, str]:
    """Return the kubeconfig and the context that the tests may use.

    Raises:
        NotAllowedError: It is not named in full, unknown to the kubeconfig, or not allowed.
    """
    path, context = Path(environment.get(KUBECONFIG, "")), environment.get(CONTEXT, "")
    allowed = [name.strip() for name in environment.get(ALLOWED, "").split(",")]
    if not context or not environment.get(KUBECONFIG):
        raise NotAllowedError(f"{KUBECONFIG} and {CONTEXT} must both be set")
    if not path.is_file():
        raise NotAllowedError(f"{KUBECONFIG}: there is no file {path}")
    if context not in _contexts_of(path):
        raise NotAllowedError(f"{CONTEXT}: {path} has no context {context!r}")
    if context not in allowed:
        raise NotAllowedError(f"{ALLOWED} must list the context {context!r}; the tests write to it")
    return path, context


def reach(environment: Mapping[str, str]) -> Access:
    """Return the access to the user's cluster, with the installed kubectl if there is one."""
    installed = shutil.which("kubectl")
    program = Path(installed) if installed else binaries() / "kubectl"
    return Access(*users_cluster(environment), program)


def _contexts_of(path: Path) -> list[str]:
    document = yaml.safe_load(path.read_text()) or {}
    return [entry["name"] for entry in document.get("contexts") or ()]
