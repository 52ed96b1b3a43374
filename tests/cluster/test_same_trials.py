"""The same tuning tries the same things on this machine and on the cluster."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from builders import the_parameters
from clusters.access import Access
from clusters.kubectl import Kubectl
from clusters.namespaces import Namespace
from local_builders import local_options
from operator_processes import a_document, an_operator, until_finished
from tuning_courses import course_of, trials_of

from deploytune.api.tuning import DeploymentTuning
from deploytune.runtime.local.adapter import LocalRuntime
from deploytune.runtime.passes import run_until_finished

pytestmark = pytest.mark.usefixtures("pretended_pools")

FLOAT = {"name": "share", "type": "Float", "min": 0, "max": 8, "step": 0.5, "default": 2}
ALGORITHMS = ("TBA", "Random")


def a_workload(algorithm: str) -> dict[str, Any]:
    """A tuning with infeasible trials, and some whose device fails the first time."""
    return a_document(
        algorithm.lower(),
        algorithm=algorithm,
        parameters=[*the_parameters(("measure", "flaky")), FLOAT],
        max_trials=8,
        confirmations=1,
    )


async def locally(document: Mapping[str, Any], folder: Path) -> list[dict[str, Any]]:
    """Run a tuning on this machine and return its trials by index."""
    tuning = DeploymentTuning.model_validate_json(json.dumps(document))
    async with LocalRuntime(folder / "state", tuning, local_options(folder)) as runtime:
        await run_until_finished(runtime)
        trials = (await runtime.gather()).trials
    return [json.loads(trial.to_json()) for trial in trials]


async def all_locally(
    documents: Mapping[str, Mapping[str, Any]], folder: Path
) -> dict[str, list[dict[str, Any]]]:
    runs = (locally(each, folder / name) for name, each in documents.items())
    return dict(zip(documents, await asyncio.gather(*runs), strict=True))


def test_the_same_trials_are_made_on_this_machine_and_on_the_cluster(
    cluster: Access, namespace: Namespace, kubectl: Kubectl, tmp_path: Path
) -> None:
    documents = {name: a_workload(name) for name in ALGORITHMS}
    for name in ALGORITHMS:
        (tmp_path / name).mkdir()
    kubectl.apply(*documents.values())
    with an_operator(cluster, tmp_path, namespace.name):
        here = asyncio.run(all_locally(documents, tmp_path))
        for each in documents.values():
            until_finished(kubectl, each["metadata"]["name"], seconds=90)

    there = {name: trials_of(kubectl, name.lower()) for name in ALGORITHMS}
    assert {name: course_of(trials) for name, trials in here.items()} == {
        name: course_of(trials) for name, trials in there.items()
    }
    assert {9} == {len(trials) for trials in there.values()}
    outcomes = {a["outcome"] for ts in there.values() for t in ts for a in t["status"]["attempts"]}
    assert {"Feasible", "Infeasible", "Infrastructure"} == outcomes
