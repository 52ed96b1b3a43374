"""`deploytune why` asks a real API server, as whoever is in the kubeconfig."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from builders import a_finished_trial
from clusters.access import Access
from clusters.namespaces import Namespace
from kube_builders import POOL, a_cluster_tuning, created

from deploytune.api.tuning import DeploymentTuning
from deploytune.cli import main
from deploytune.cli.exit_codes import ExitCode
from deploytune.contract.outcomes import Cause, OutcomeKind
from deploytune.runtime.kube.connection import connect
from deploytune.runtime.kube.objects import build_status, build_trial
from deploytune.runtime.kube.resources import TRIALS

Ask = Callable[..., int]


@pytest.fixture
def ask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ask:
    """Asks from an empty folder."""
    monkeypatch.chdir(tmp_path)

    def why(access: Access, trial: str, *options: str) -> int:
        where = ("--kubeconfig", str(access.kubeconfig), "--context", access.context)
        return main(["why", trial, *where, *options])

    return why


@pytest.fixture
def recorded(cluster: Access, namespace: Namespace) -> Namespace:
    """A namespace with a tuning and its trial 3, which has ended."""
    tuning = created(namespace.kubectl, a_cluster_tuning())
    asyncio.run(put_on_record(cluster, tuning))
    return namespace


async def put_on_record(cluster: Access, tuning: DeploymentTuning) -> None:
    """Put a finished trial of a tuning on record, as the operator does."""
    trial = a_finished_trial(
        3, OutcomeKind.INFEASIBLE, cause=Cause.LIMIT_MISSED, memory=250.0, pool=POOL
    )
    async with connect(cluster.kubeconfig, cluster.context) as api:
        namespace = tuning.metadata.namespace
        written = await api.create(TRIALS, namespace, build_trial(trial, tuning))
        version = written["metadata"]["resourceVersion"]
        metadata = trial.metadata.replace(resource_version=version)
        await api.apply(TRIALS, namespace, build_status(metadata, trial.status), "status")


def only_line(capsys: pytest.CaptureFixture[str]) -> str:
    (line,) = capsys.readouterr().err.splitlines()
    return line


def test_a_trial_on_record_is_explained(
    cluster: Access, recorded: Namespace, ask: Ask, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ExitCode.ANSWER == ask(cluster, "tune-3", "--namespace", recorded.name)
    printed = capsys.readouterr().out
    assert printed.startswith(f"tune-3: trial 3 of tune, on the pool {POOL}\n")
    assert "Infeasible/LimitMissed after 1 s." in printed
    assert "server_memory_mib is 250 MiB: 50 MiB (25 %) above its limit of 200 MiB." in printed


def test_the_namespace_of_the_context_is_the_default(
    cluster: Access,
    recorded: Namespace,
    ask: Ask,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    document = json.loads(cluster.kubectl.run("config", "view", "--raw", "--output=json"))
    for context in document["contexts"]:
        context["context"]["namespace"] = recorded.name
    own = replace(cluster, kubeconfig=tmp_path / "kubeconfig")
    own.kubeconfig.touch(mode=0o600)
    own.kubeconfig.write_text(json.dumps(document))
    assert ExitCode.ANSWER == ask(own, "tune-3")
    assert "How it ended" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("trial", "missing"),
    [
        ("tune-4", "TRIAL: must be in namespace {} (tune-3 to tune-3), got 'tune-4'"),
        (
            "other-3",
            (
                "there is no tuning other in namespace {}: "
                'deploymenttunings.deploytune.dev "other" not found'
            ),
        ),
    ],
    ids=["no such trial", "no such tuning"],
)
def test_what_is_not_on_record_is_one_line(
    cluster: Access,
    recorded: Namespace,
    ask: Ask,
    capsys: pytest.CaptureFixture[str],
    trial: str,
    missing: str,
) -> None:
    assert ExitCode.BAD_INPUT == ask(cluster, trial, "--namespace", recorded.name)
    assert f"deploytune: {missing.format(recorded.name)}" == only_line(capsys)


def test_whoever_may_not_read_it_is_told_so_in_one_line(
    cluster: Access,
    recorded: Namespace,
    ask: Ask,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    nobody = cluster.as_service_account(recorded.name, "default", tmp_path)
    assert ExitCode.BAD_INPUT == ask(nobody, "tune-3", "--namespace", recorded.name)
    assert 'cannot get resource "deploymenttunings"' in only_line(capsys)
