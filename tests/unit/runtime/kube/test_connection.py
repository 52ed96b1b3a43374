"""The way to a cluster: whatever is wrong with a kubeconfig is one line."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploytune.contract.errors import MachineError
from deploytune.runtime.kube.connection import connect, namespace_of


def a_kubeconfig(**cluster: Any) -> dict[str, Any]:
    """Two contexts, one with a namespace."""
    return {
        "clusters": [{"name": "k", "cluster": {"server": "https://127.0.0.1:1", **cluster}}],
        "contexts": [
            {"name": "plain", "context": {"cluster": "k", "user": "u"}},
            {"name": "team", "context": {"cluster": "k", "user": "u", "namespace": "models"}},
        ],
        "current-context": "team",
        "users": [{"name": "u", "user": {"token": "t"}}],
    }


@pytest.fixture(autouse=True)
def no_pod(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("", "malformed", id="nothing"),
        pytest.param("prose", "malformed", id="no mapping"),
        pytest.param("[1, 2", "while parsing", id="no YAML"),
        pytest.param("a: b", "current-context", id="another file"),
        pytest.param(
            yaml.safe_dump(a_kubeconfig(**{"certificate-authority-data": "bm90IG9uZQ=="})),
            "certificate",
            id="no certificate",
        ),
        pytest.param(
            yaml.safe_dump(a_kubeconfig(**{"certificate-authority-data": "abc"})),
            "malformed",
            id="no base64",
        ),
    ],
)
async def test_a_broken_kubeconfig_is_one_line(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "kubeconfig"
    path.write_text(text)
    with pytest.raises(MachineError, match=words) as error:
        async with connect(path):
            pass
    assert str(error.value).startswith("no access to a cluster: ")
    assert 1 == len(str(error.value).splitlines())


async def test_a_kubeconfig_that_is_absent_is_named_and_nothing_is_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with (
        caplog.at_level(logging.DEBUG),
        pytest.raises(MachineError, match=f"there is no kubeconfig at {tmp_path / 'absent'}"),
    ):
        async with connect(tmp_path / "absent"):
            pass
    assert [] == caplog.records


@pytest.mark.parametrize(
    ("expected", "context"), [("models", None), ("default", "plain"), ("models", "team")]
)
def test_the_namespace_is_that_of_the_context(
    tmp_path: Path, expected: str, context: str | None
) -> None:
    path = tmp_path / "kubeconfig"
    path.write_text(yaml.safe_dump(a_kubeconfig()))
    assert expected == namespace_of(path, context)
