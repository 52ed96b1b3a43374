"""kube-state-metrics, where there is one, shows a tuning by the chart's configuration."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
import yaml
from clusters.access import Access
from clusters.components import Component
from clusters.helm import CHART
from clusters.kubectl import Kubectl
from clusters.namespaces import Namespace
from clusters.ports import LOOPBACK, free_port
from clusters.waiting import eventually
from operator_processes import a_document

PROGRAM = "kube-state-metrics"
CONFIGURATION = CHART / "files/kube-state-metrics.yaml"

MOMENT = "2026-01-01T00:00:00.000Z"
ANSWER = {
    "trial": "tune-3",
    "pool": "one",
    "parameters": {"precision": "fp16"},
    "metrics": {"throughput@full": 812.5, "server_memory_mib": 150},
    "margins": [{"metric": "server_memory_mib", "limit": 200, "value": 150, "margin": 50}],
    "confirmations": 2,
}


def a_status() -> dict[str, Any]:
    """A status in which every field stands that a metric is made of."""
    truths = {"Finished": "True", "Succeeded": "True", "Degraded": "False"}
    return {
        "conditions": [
            {"type": kind, "status": truth, "reason": "Converged", "lastTransitionTime": MOMENT}
            for kind, truth in truths.items()
        ],
        "searchStage": "Confirming",
        "startTime": MOMENT,
        "completionTime": MOMENT,
        "trials": 7,
        "outcomes": {"Feasible": 4, "Crashed": 3},
        "trialSeconds": 70.5,
        "acceleratorSeconds": 141,
        "wasted": [{"cause": "Crashed/OutOfMemory", "seconds": 30}],
        "best": ANSWER,
        "baseline": {**ANSWER, "trial": "tune-0", "metrics": {"throughput@full": 400}},
    }


@contextmanager
def shown(access: Access, namespace: str, folder: Path) -> Iterator[str]:
    """Run it for one namespace, for as long as the context lasts, and yield its address."""
    program = shutil.which(PROGRAM)
    if program is None:
        pytest.skip(f"no {PROGRAM} on the PATH: its paths are held against the schema alone")
    port = free_port()
    options = (
        f"--kubeconfig={access.kubeconfig}",
        f"--namespaces={namespace}",
        "--custom-resource-state-only=true",
        f"--custom-resource-state-config-file={CONFIGURATION}",
        f"--host={LOOPBACK}",
        f"--port={port}",
        f"--telemetry-host={LOOPBACK}",
        f"--telemetry-port={free_port()}",
    )
    server = Component(PROGRAM, (program, *options), folder / "kube-state-metrics.log")
    server.start()
    try:
        yield f"http://{LOOPBACK}:{port}/metrics"
    finally:
        server.kill()


def scraped(address: str) -> str:
    try:
        with urlopen(address, timeout=5) as answer:
            return str(answer.read().decode())
    except OSError:
        return ""


def test_every_metric_has_series_of_a_tuning_with_an_answer(
    cluster: Access, namespace: Namespace, kubectl: Kubectl, tmp_path: Path
) -> None:
    with shown(cluster, namespace.name, tmp_path) as address:
        kubectl.apply(a_document())
        kubectl.merge_status("deploymenttuning", "tune", {"status": a_status()})
        complete = 'deploytune_tuning_best{.*metric="throughput@full".*} 812.5'
        text = str(
            eventually(
                lambda: (said := scraped(address)) and re.search(complete, said) and said,
                "the tuning's metrics",
            )
        )

    [resource] = yaml.safe_load(CONFIGURATION.read_text())["spec"]["resources"]
    for metric in resource["metrics"]:
        assert f"deploytune_tuning_{metric['name']}{{" in text
    own = f'namespace="{namespace.name}",'
    assert own in text
    for expected in (
        'deploytune_tuning_condition{.*reason="Converged",tuning="tune",type="Succeeded"} 1',
        'deploytune_tuning_condition{.*type="Degraded"} 0',
        'deploytune_tuning_outcomes{.*outcome="Crashed".*} 3',
        'deploytune_tuning_wasted_seconds{cause="Crashed/OutOfMemory".*} 30',
        'deploytune_tuning_best_margin{.*limit="200".*metric="server_memory_mib".*} 50',
        'deploytune_tuning_best_info{.*pool="one",trial="tune-3",tuning="tune"} 1',
        "deploytune_tuning_started_timestamp_seconds{.*} 1.7672256e",
    ):
        assert re.search(expected, text), expected
