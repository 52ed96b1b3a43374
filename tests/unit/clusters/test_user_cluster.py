"""The tests write to a user's cluster only when it is named and allowed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from clusters.user_cluster import NotAllowedError, is_named, users_cluster


@pytest.fixture
def kubeconfig(tmp_path: Path) -> str:
    path = tmp_path / "config"
    path.write_text(json.dumps({"contexts": [{"name": "sandbox"}, {"name": "production"}]}))
    return str(path)


def an_environment(kubeconfig: str, context: str = "sandbox", allowed: str = "") -> dict[str, str]:
    return {
        "DEPLOYTUNE_TEST_KUBECONFIG": kubeconfig,
        "DEPLOYTUNE_TEST_CONTEXT": context,
        "DEPLOYTUNE_TEST_ALLOWED_CONTEXTS": allowed,
    }


def test_nothing_named_means_the_tests_own_cluster() -> None:
    assert not is_named({"KUBECONFIG": "/home/me/.kube/config"})


def test_an_allowed_context_is_used(kubeconfig: str) -> None:
    environment = an_environment(kubeconfig, allowed="other, sandbox")

    assert (Path(kubeconfig), "sandbox") == users_cluster(environment)


@pytest.mark.parametrize(
    ("context", "allowed", "said"),
    [
        ("production", "sandbox", "must list the context 'production'"),
        ("sandbox", "", "must list the context 'sandbox'"),
        ("unknown", "unknown", "has no context 'unknown'"),
        ("", "sandbox", "must both be set"),
    ],
    ids=["another is allowed", "none is allowed", "the kubeconfig lacks it", "no context"],
)
def test_anything_else_is_refused_in_one_line(
    kubeconfig: str, context: str, allowed: str, said: str
) -> None:
    with pytest.raises(NotAllowedError, match=said) as refused:
        users_cluster(an_environment(kubeconfig, context, allowed))

    assert "\n" not in str(refused.value)


def test_a_kubeconfig_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotAllowedError, match="there is no file"):
        users_cluster(an_environment(str(tmp_path / "none"), allowed="sandbox"))
