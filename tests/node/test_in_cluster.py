"""The whole of it, as a newcomer has it who types what the README says, from Helm to the report.

In the middle of the tuning the chart is upgraded; afterwards it is rolled back, and uninstalled.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml
from chart.dashboards import queries
from clusters.access import Access
from clusters.fixtures import need
from clusters.helm import CHART, Helm, helm_program
from clusters.images import REGISTRY, Image
from clusters.kubectl import Kubectl
from clusters.namespaces import new_namespace
from clusters.node_clusters import NodeCluster
from clusters.places import CRDS
from clusters.ports import LOOPBACK, free_port
from clusters.prometheus import Prometheus, a_prometheus
from clusters.requirements import HELM, MONITORING
from clusters.waiting import eventually
from operator_processes import held_pods, until_running
from readme import commands_under

from deploytune.cli.report import REPORT_FILE

EXAMPLE = Path(__file__).parents[2] / "operator/examples/digits/tuning.cluster.yaml"
NAME = "deploytune"
LONGEST_SECONDS = 600
PANEL_MINUTES = 30
MAX_TRIALS = 6
SLOW_MS = 1000
WAITING = ("--wait", "--timeout=150s")
OWN = f"--selector=app.kubernetes.io/instance={NAME}"
LEFT_AT_HOME = "deployments,pods,jobs,services,serviceaccounts,roles,rolebindings,leases"
LEFT_IN_THE_CLUSTER = "clusterroles,clusterrolebindings"
Json = dict[str, Any]


@dataclass(frozen=True)
class Installation:
    """The chart's values for the tests' cluster, where it goes, and Helm."""

    helm: Helm
    home: Kubectl
    values: Mapping[str, Any]

    def helm_does(self, what: str, *words: str | Path, **values: Any) -> str:
        place = ("--namespace", self.home.namespace)
        given = {**self.values, **values} if what in ("install", "upgrade") else None
        return self.helm.run(what, *words, *place, values=given)

    def log_of(self, name: str) -> str:
        pods = f"--selector=app.kubernetes.io/instance={name}"
        return self.home.attempt("logs", pods, "--tail=50", "--prefix").stdout


@pytest.fixture
def installation(
    cluster: Access,
    node_cluster: NodeCluster,
    operator_image: Image,
    trial_image: Image,
    digits: Kubectl,
) -> Iterator[Installation]:
    """The chart for the namespace of the digits example, in a cluster without the definitions."""
    need(HELM, "Helm")
    need(MONITORING, "Prometheus")
    values = {
        "registry": REGISTRY,
        "image": named(operator_image),
        "trialImage": named(trial_image),
        "watchNamespaces": [digits.namespace],
        "resources": {"limits": {"cpu": "400m", "memory": "300Mi"}},
        "metrics": {"port": free_port()},
        # The tests route no Services.
        "hostNetwork": True,
        "extraEnv": [
            {"name": "KUBERNETES_SERVICE_HOST", "value": LOOPBACK},
            {"name": "KUBERNETES_SERVICE_PORT", "value": api_server_port(cluster)},
        ],
    }
    assert node_cluster.control_plane.access == cluster
    with new_namespace(cluster, labels={}) as home, without_definitions(cluster):
        yield Installation(Helm(helm_program(), cluster), home.kubectl, values)


@contextmanager
def without_definitions(cluster: Access) -> Iterator[None]:
    """Take the definitions away, and bring them back for the tests that follow."""
    cluster.kubectl.run("delete", f"--filename={CRDS}", "--ignore-not-found")
    try:
        yield
    finally:
        cluster.apply_crds()


def named(image: Image) -> dict[str, str]:
    repository, _, tag = image.reference.removeprefix(f"{REGISTRY}/").rpartition(":")
    return {"repository": repository, "tag": tag}


def api_server_port(cluster: Access) -> str:
    path = "jsonpath={.clusters[0].cluster.server}"
    port = urlsplit(cluster.kubectl.run("config", "view", "--minify", f"--output={path}")).port
    assert port is not None
    return str(port)


@pytest.mark.timeout(LONGEST_SECONDS + 300, func_only=True)
def test_the_chart_is_installed_upgraded_in_the_middle_of_a_tuning_and_uninstalled(
    installation: Installation, digits: Kubectl, tmp_path: Path
) -> None:
    newcomer = a_newcomer(installation, digits, tmp_path)
    install, apply, *to_the_end = commands_under("On a cluster")
    newcomer.types(install)
    assert "Succeeded" in installation.helm_does("test", NAME, "--timeout=60s")
    target = f"{LOOPBACK}:{installation.values['metrics']['port']}"

    with a_prometheus(tmp_path, target, CHART / "files/alerts.yaml") as prometheus:
        newcomer.types(apply)
        eventually(lambda: digits.items("ttrial"), "the first trial")
        installation.helm_does("upgrade", NAME, CHART, *WAITING, logLevel="debug")
        told = "".join(newcomer.types(command) for command in to_the_end)
        assert "(confirmed in 2 fresh processes)" in told
        assert_has_its_answer(digits)
        assert (newcomer.folder / REPORT_FILE).stat().st_size > 0
        assert_every_panel_has_data(prometheus)
        assert [] == prometheus.ask('ALERTS{alertstate="firing"}')

    assert_an_overlapping_one_refuses(installation)
    installation.helm_does("rollback", NAME, "1", *WAITING)
    digits.run("apply", "--filename=-", document=the_example("digits-again"))
    until_running(digits)
    installation.helm_does("uninstall", NAME, "--timeout=150s")
    assert_nothing_is_left(installation, digits)


@dataclass(frozen=True)
class Newcomer:
    """A shell in a clone of the repository, with a tuning in a file."""

    folder: Path
    environment: Mapping[str, str]

    def types(self, command: str) -> str:
        done = subprocess.run(
            ["bash", "-euc", command.replace("REGISTRY", REGISTRY)],
            check=False,
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=LONGEST_SECONDS,
        )
        assert 0 == done.returncode, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout


def a_newcomer(installation: Installation, digits: Kubectl, folder: Path) -> Newcomer:
    """Make a folder with the chart and a tuning, and programs that know the tests' cluster."""
    assert installation.helm.access is not None
    access = installation.helm.access.at_home_in(digits.namespace, folder)
    programs = folder / "bin"
    programs.mkdir()
    (folder / "charts").symlink_to(CHART.parent)
    (folder / "tuning.yaml").write_text(the_example("digits"))
    (folder / "values.json").write_text(json.dumps(installation.values))
    home, values = installation.home.namespace, folder / "values.json"
    scripts = {
        "helm": f'exec {helm_program()} "${{@/deploytune-system/{home}}}" --values {values}',
        "kubectl": f'exec {access.kubectl_program} "$@"',
        "deploytune": f'exec {sys.executable} -m deploytune.cli "$@"',
    }
    for name, script in scripts.items():
        (programs / name).write_text(f"#!/bin/bash\n{script}\n")
        (programs / name).chmod(0o755)
    own = {"PATH": f"{programs}:{os.environ['PATH']}", "KUBECONFIG": str(access.kubeconfig)}
    return Newcomer(folder, {**os.environ, **own})


def assert_has_its_answer(digits: Kubectl) -> None:
    status = digits.read("get", "dtune", "digits")["status"]
    conditions = {one["type"]: (one["status"], one["reason"]) for one in status["conditions"]}
    assert ("True", "BudgetExhausted") == conditions["Succeeded"]
    assert "False" == conditions["Degraded"][0]
    assert 2 == status["best"]["confirmations"]
    assert all(margin["margin"] > 0 for margin in status["best"]["margins"])

    trials = digits.items("ttrial")
    assert list(range(len(trials))) == sorted(trial["spec"]["index"] for trial in trials)
    pools = {trial["spec"]["pool"]: nodes_of(trial) for trial in trials}
    assert {"pool-1", "pool-2"} == set(pools)
    measured = [t for t in trials if t["status"]["outcome"] in ("Feasible", "Infeasible")]
    assert all("server_memory_mib" in trial["status"]["metrics"] for trial in measured)
    eventually(lambda: not held_pods(digits), "the release of every Pod")


def the_example(name: str) -> str:
    """The example but for name and budget, and with a latency that a busy machine keeps."""
    tuning: Json = yaml.safe_load(EXAMPLE.read_text(encoding="utf-8"))
    tuning["metadata"]["name"] = name
    tuning["spec"]["budget"]["maxTrials"] = MAX_TRIALS
    latency, _ = tuning["spec"]["constraints"]
    latency["max"] = SLOW_MS
    return json.dumps(tuning)


def nodes_of(trial: Json) -> set[str]:
    return {attempt["node"] for attempt in trial["status"]["attempts"]}


def assert_every_panel_has_data(prometheus: Prometheus) -> None:
    """Each shows something of the minutes in which the tuning ran."""
    ended = "deploytune_tunings_ended_total"
    eventually(lambda: prometheus.ask(ended), "the end in a scrape")
    assert [] == [query for query in queries() if not prometheus.ask_over(query, PANEL_MINUTES)]


def assert_an_overlapping_one_refuses(installation: Installation) -> None:
    others = {"crds": {"enabled": False}, "metrics": {"port": free_port()}}
    installation.helm_does("install", "second", CHART, **others)
    refusal = "another installation watches"
    eventually(lambda: refusal in installation.log_of("second"), "a refusal in one line")
    installation.helm_does("uninstall", "second", "--no-hooks")  # those Pods are another's
    installation.home.run("delete", "lease", "second-deploytune")


def assert_nothing_is_left(installation: Installation, digits: Kubectl) -> None:
    """Nothing but the definitions, and the tunings, which can be deleted without an operator."""
    assert [] == held_pods(digits)
    home = installation.home
    eventually(lambda: not home.items(LEFT_AT_HOME, OWN), "the end of what was installed")
    assert [] == home.items("leases")
    assert [] == home.items(LEFT_IN_THE_CLUSTER, OWN)
    assert [] == digits.items("roles,rolebindings", OWN)
    assert 2 == len(digits.items("dtune"))

    digits.run("delete", "dtune", "--all", "--timeout=60s")
    eventually(lambda: not digits.items("ttrial,pods"), "the end of every trial")
