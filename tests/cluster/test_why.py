"""`deploytune why` asks a real API server, as whoever is in the kubeconfig."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from builders import a_finished_trial
from clusters.access import Access
from clusters.namespaces import Namespace
from kube_builders import POOL, a_cluster_tuning, created

from deploytune.api.trial import AttemptRecord, TuningTrial
from deploytune.api.tuning import DeploymentTuning
from deploytune.cli import main
from deploytune.cli.exit_codes import ExitCode
from deploytune.contract.outcomes import Cause, OutcomeKind
from deploytune.runtime.kube.connection import connect
from deploytune.runtime.kube.objects import build_status, build_trial
from deploytune.runtime.kube.resources import TRIALS
from deploytune.state.ending_rules import EndingRule

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
    trial = a_finished_trial(
        3, OutcomeKind.INFEASIBLE, cause=Cause.LIMIT_MISSED, memory=250.0, pool=POOL
    )
    asyncio.run(put_on_record(cluster, tuning, trial))
    return namespace


async def put_on_record(cluster: Access, tuning: DeploymentTuning, trial: TuningTrial) -> None:
    """Put a finished trial of a tuning on record, as the operator does."""
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
    own = cluster.at_home_in(recorded.name, tmp_path)
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


def test_the_log_of_a_pod_that_is_gone_is_said_to_be_gone_with_it(
    cluster: Access, namespace: Namespace, ask: Ask, capsys: pytest.CaptureFixture[str]
) -> None:
    tuning = created(namespace.kubectl, a_cluster_tuning())
    asyncio.run(put_on_record(cluster, tuning, a_lost_trial(4)))
    assert ExitCode.ANSWER == ask(cluster, "tune-4", "--namespace", namespace.name)
    printed = capsys.readouterr().out
    assert "Decided by the rule UnknownKill: it was killed with SIGKILL by nobody" in printed
    assert printed.endswith(
        "The end of its log (Pod tune-4-1)\n  None: the Pod is gone, and its log with it.\n"
    )


def a_lost_trial(index: int) -> TuningTrial:
    """A trial that crashed in its second Pod, which is not there any more."""
    trial = a_finished_trial(
        index, OutcomeKind.CRASHED, cause=Cause.ERROR, throughput=None, memory=None, pool=POOL
    )
    record = AttemptRecord(
        attempt=1,
        outcome=OutcomeKind.CRASHED,
        cause=Cause.ERROR,
        rule=EndingRule.UNKNOWN_KILL,
        pod=f"{trial.metadata.name}-1",
    )
    return trial.model_copy(update={"status": trial.status.replace(attempts=(record,))})
