"""An operator beside which packages with strategies are installed, on a real API server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from clusters.access import Access
from clusters.kubectl import Kubectl
from clusters.namespaces import Namespace
from clusters.waiting import eventually
from operator_processes import a_document, an_operator, condition, until_finished
from plug_in_builders import Packages, packages

from deploytune.cli import main
from deploytune.cli.exit_codes import ExitCode

__all__ = ["packages"]

pytestmark = pytest.mark.usefixtures("pretended_pools", "operator")


@pytest.fixture
def operator(
    cluster: Access,
    namespace: Namespace,
    packages: Packages,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[None]:
    """An operator that finds the packages of the test installed."""
    monkeypatch.setenv("PYTHONPATH", str(packages.folder))
    with an_operator(cluster, tmp_path, namespace.name):
        yield


def test_a_tuning_is_tuned_and_explained_by_the_strategy_of_a_package(
    cluster: Access,
    namespace: Namespace,
    kubectl: Kubectl,
    packages: Packages,
    capsys: pytest.CaptureFixture[str],
) -> None:
    packages.add_the_documented_one()
    kubectl.apply(a_document(spec={"algorithm": {"name": "Mutation"}}))

    until_finished(kubectl)

    assert ("True", "BudgetExhausted") == condition(kubectl, "Succeeded")
    where = ("--kubeconfig", str(cluster.kubeconfig), "--context", cluster.context)
    assert ExitCode.ANSWER == main(["why", "tune-3", "--namespace", namespace.name, *where])
    printed = capsys.readouterr().out
    assert "Strategy Mutation, search stage Exploiting" in printed
    assert "kept: " in printed


def test_a_broken_package_is_named_until_it_is_mended(kubectl: Kubectl, packages: Packages) -> None:
    packages.add("Mutation", "raise ImportError('no libraries')", package="broken")
    kubectl.apply(a_document(spec={"algorithm": {"name": "Mutation"}}))
    expected = ("True", "ReconcileFailed")
    eventually(lambda: condition(kubectl, "Degraded") == expected, "the word that it is broken")
    (degraded,) = (
        each
        for each in (kubectl.get("deploymenttuning", "tune") or {})["status"]["conditions"]
        if each["type"] == "Degraded"
    )
    assert degraded["message"].endswith(
        "the strategy Mutation of the package broken fails: ImportError: no libraries"
    )

    packages.remove("broken")
    packages.add_the_documented_one()

    until_finished(kubectl)
    assert ("True", "BudgetExhausted") == condition(kubectl, "Succeeded")
