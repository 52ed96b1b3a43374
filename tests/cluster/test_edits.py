"""What a user may change while a tuning runs, and what tunings have to do with each other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from clusters.access import Access
from clusters.kubectl import Kubectl
from clusters.namespaces import Namespace, new_namespace
from clusters.nodes import POOL_LABEL
from clusters.waiting import eventually
from operator_processes import (
    FOR_EVER,
    POOL,
    OperatorProcess,
    a_document,
    an_operator,
    condition,
    held_pods,
    running_pods,
    until_finished,
    until_running,
)
from tuning_courses import check_whole, trials_of

pytestmark = pytest.mark.usefixtures("pretended_pools")


@pytest.fixture
def operator(cluster: Access, namespace: Namespace, tmp_path: Path) -> Iterator[OperatorProcess]:
    with an_operator(cluster, tmp_path, namespace.name) as running:
        yield running


def change(kubectl: Kubectl, spec: Mapping[str, Any]) -> None:
    """Change a tuning as `kubectl edit` does."""
    kubectl.merge("deploymenttuning", "tune", {"spec": spec})


@pytest.mark.usefixtures("operator")
def test_a_suspended_tuning_frees_its_pools_and_goes_on_when_resumed(kubectl: Kubectl) -> None:
    kubectl.apply(a_document(runs_for="2s", parallel_trials=2))
    eventually(lambda: len(trials_of(kubectl)) > 2, "some finished trials")
    change(kubectl, {"suspend": True})
    eventually(lambda: condition(kubectl, "Suspended")[0] == "True", "the suspension")
    eventually(lambda: running_pods(kubectl) == [], "free pools")
    before = [t["spec"] for t in trials_of(kubectl)]
    finished = [t["status"] for t in trials_of(kubectl) if "outcome" in t["status"]]
    change(kubectl, {"suspend": False})

    tuning = until_finished(kubectl)

    after = trials_of(kubectl)
    check_whole(tuning, after, 5)
    assert before == [trial["spec"] for trial in after][: len(before)]
    assert all(status in [trial["status"] for trial in after] for status in finished)
    interrupted = [a for trial in after for a in trial["status"]["attempts"][:-1]]
    assert {("Infrastructure", "Interrupted")} == {(a["outcome"], a["cause"]) for a in interrupted}


@pytest.mark.usefixtures("operator")
def test_more_parallel_trials_run_as_soon_as_they_are_allowed(kubectl: Kubectl) -> None:
    kubectl.apply(a_document(runs_for=FOR_EVER))
    until_running(kubectl)
    change(kubectl, {"parallelTrials": 3})
    eventually(lambda: len(running_pods(kubectl)) == 3, "three Pods that run")
    change(kubectl, {"suspend": True})
    eventually(lambda: running_pods(kubectl) == [], "the end of all Pods")
    change(kubectl, {"suspend": False, "parallelTrials": 2})
    eventually(lambda: len(running_pods(kubectl)) == 2, "two Pods that run")
    assert [0, 1, 2] == [trial["spec"]["index"] for trial in trials_of(kubectl)]


@pytest.mark.usefixtures("operator")
def test_a_budget_may_grow_while_the_tuning_runs(kubectl: Kubectl) -> None:
    kubectl.apply(a_document(max_trials=2, runs_for="1s"))
    until_running(kubectl)
    change(kubectl, {"budget": {"maxTrials": 5, "confirmations": 2}})
    check_whole(until_finished(kubectl), trials_of(kubectl), 7)


@pytest.mark.usefixtures("operator")
def test_pods_are_kept_as_pod_retention_says(kubectl: Kubectl) -> None:
    kept = {"Always": 3, "OnFailure": 0, "Never": 0}
    for retention in kept:
        document = a_document(retention.lower(), max_trials=2)
        document["spec"]["trial"]["podRetention"] = retention
        kubectl.apply(document)
    for retention in kept:
        until_finished(kubectl, retention.lower())

    def is_as_said() -> bool:
        names = [pod["metadata"]["name"].split("-")[0] for pod in kubectl.items("pods")]
        counted = {each: names.count(each.lower()) for each in kept}
        return counted == kept and held_pods(kubectl) == []

    eventually(is_as_said, "the Pods that are to be kept, and no others")


@pytest.mark.usefixtures("operator")
def test_a_tuning_over_two_pools_uses_both_and_says_the_best_of_each(kubectl: Kubectl) -> None:
    pools = [
        {**POOL, "name": name, "nodeSelector": {POOL_LABEL: label}, "maxParallelTrials": 1}
        for name, label in (("one", "pool-1"), ("two", "pool-2"))
    ]
    kubectl.apply(a_document(max_trials=10, parallel_trials=2, pools=pools, memory_max=None))
    tuning = until_finished(kubectl)

    trials = trials_of(kubectl)
    check_whole(tuning, trials, 11)
    nodes = {(t["spec"]["pool"], a["node"]) for t in trials for a in t["status"]["attempts"]}
    assert {("one", "pretended-pool-1"), ("two", "pretended-pool-2")} == nodes
    assert {"one", "two"} == {best["name"] for best in tuning["status"]["bestPerPool"]}


def test_tunings_of_one_name_in_two_namespaces_do_not_see_each_other(
    cluster: Access, namespace: Namespace, kubectl: Kubectl, tmp_path: Path
) -> None:
    with (
        new_namespace(cluster) as other,
        an_operator(cluster, tmp_path, namespace.name, other.name),
    ):
        other.kubectl.apply(a_document(max_trials=6, seed=2))
        kubectl.apply(a_document(max_trials=3))
        here, there = (until_finished(each) for each in (kubectl, other.kubectl))
        check_whole(here, trials_of(kubectl), 4)
        check_whole(there, trials_of(other.kubectl), 7)
        owners = {
            owner["uid"]
            for trial in trials_of(other.kubectl)
            for owner in trial["metadata"]["ownerReferences"]
        }

    assert {there["metadata"]["uid"]} == owners


@pytest.mark.usefixtures("operator")
def test_tunings_of_one_namespace_do_not_disturb_each_other(kubectl: Kubectl) -> None:
    """Two that are alike, and one whose name begins as theirs, make the same trials."""
    names = ("tune", "tune-0", "tune-0-0")
    kubectl.apply(*(a_document(name, max_trials=3) for name in names))
    tunings = {name: until_finished(kubectl, name) for name in names}
    for name, tuning in tunings.items():
        check_whole(tuning, trials_of(kubectl, name), 4)
    parameters = [[t["spec"]["parameters"] for t in trials_of(kubectl, name)] for name in names]
    assert parameters[0] == parameters[1] == parameters[2]
