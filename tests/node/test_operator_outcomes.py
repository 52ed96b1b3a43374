"""How trials end on real kubelets, and what the operator puts on record."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from clusters.images import Image
from clusters.node_clusters import NodeCluster
from clusters.nodes import POOLS
from node.operating import (
    Operated,
    a_pool,
    an_operated_cluster,
    kill_trial,
    until_attempts,
    until_busy,
    until_outcome,
)
from node.sidecar_webhook import SIDECAR, injecting_sidecars

from deploytune.cli import main
from deploytune.cli.exit_codes import ExitCode


@dataclass(frozen=True)
class Expected:
    """The trial's kind, and how it ends; a container killed whole has come less far."""

    kind: str
    outcome: str
    cause: str
    stages: tuple[str, ...]
    says: str


EXPECTED = {
    "memory": Expected("allocate", "Crashed", "OutOfMemory", ("Build",), "memory limit"),
    "child-memory": Expected(
        "child-allocates", "Crashed", "OutOfMemory", ("Build", "Report"), "memory limit"
    ),
    "watchdog": Expected("watchdog", "TimedOut", "StageDeadline", ("Measure",), "longer than"),
    "build": Expected("build-failed", "Crashed", "BuildFailed", ("Build",), "no implementation"),
    "deadline": Expected("hang", "TimedOut", "RunDeadline", ("Build",), "run deadline"),
}
KILLED = "killed"
WITH_SIDECAR = "sidecar"
SETTINGS: dict[str, dict[str, Any]] = {
    "deadline": {"runDeadlineSeconds": 1.0, "pullAllowanceSeconds": 0},
    WITH_SIDECAR: {"podRetention": "Always"},
}


@pytest.fixture(scope="module")
def operated(
    node_cluster: NodeCluster, deterministic_image: Image, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Operated]:
    """An operator, and all the tunings of this module at once."""
    folder = tmp_path_factory.mktemp("outcomes")
    with (
        an_operated_cluster(node_cluster, deterministic_image, folder) as made,
        injecting_sidecars(node_cluster.control_plane, made.kubectl.namespace, WITH_SIDECAR),
    ):
        kinds = {name: expected.kind for name, expected in EXPECTED.items()}
        kinds |= {KILLED: "hang", WITH_SIDECAR: "slow"}
        for number, (name, kind) in enumerate(kinds.items()):
            pools = [a_pool(POOLS[number % len(POOLS)])]
            made.kubectl.apply(made.tuning(name, kind, pools=pools, trial=SETTINGS.get(name, {})))
        yield made


def test_a_kill_from_elsewhere_is_tried_once_more_and_is_a_crash_then(operated: Operated) -> None:
    for attempt in range(2):
        kill_trial(operated.nodes, until_busy(operated.kubectl, f"{KILLED}-0-{attempt}"))
        until_attempts(operated.kubectl, f"{KILLED}-0", attempt + 1)

    status = until_outcome(operated.kubectl, f"{KILLED}-0")

    first, second = status["attempts"]
    assert ("Infrastructure", "UnknownKill") == (first["outcome"], first["cause"])
    assert ("Crashed", "Error") == (second["outcome"], second["cause"])
    assert ("Crashed", "Error") == (status["outcome"], status["cause"])
    assert "again" in status["message"]
    assert "Build" == status["reachedStage"]


def test_the_memory_of_an_injected_sidecar_is_not_the_trials(operated: Operated) -> None:
    status = until_outcome(operated.kubectl, f"{WITH_SIDECAR}-0")

    pod = operated.kubectl.read("get", "pod", f"{WITH_SIDECAR}-0-0")
    ends = {
        each["name"]: each["state"]["terminated"]["reason"]
        for each in pod["status"]["containerStatuses"]
    }
    assert {"trial": "Completed", SIDECAR: "OOMKilled"} == ends
    assert "Failed" == pod["status"]["phase"]
    assert "Feasible" == status["outcome"]
    assert 1 == len(status["attempts"])


@pytest.mark.parametrize("name", EXPECTED)
def test_a_trial_ends_as_what_it_died_of(operated: Operated, name: str) -> None:
    expected = EXPECTED[name]

    status = until_outcome(operated.kubectl, f"{name}-0")

    assert (expected.outcome, expected.cause) == (status["outcome"], status["cause"])
    assert status["reachedStage"] in expected.stages
    assert expected.says in status["message"]
    [attempt] = status["attempts"]
    assert expected.outcome == attempt["outcome"]


def test_why_ends_with_the_log_that_the_kubelet_keeps(
    operated: Operated, capsys: pytest.CaptureFixture[str]
) -> None:
    kubectl = operated.kubectl
    until_outcome(kubectl, "build-0")
    access = ("--kubeconfig", str(kubectl.kubeconfig), "--context", kubectl.context)

    assert ExitCode.ANSWER == main(["why", "build-0", "--namespace", kubectl.namespace, *access])
    assert capsys.readouterr().out.endswith("  building: no implementation of the operator\n")
