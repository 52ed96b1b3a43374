"""The operator as a process on a real control plane, whose nodes only pretend to run Pods."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
from clusters.access import Access
from clusters.control_plane import ControlPlane
from clusters.kubectl import Kubectl
from clusters.namespaces import Namespace, new_namespace
from clusters.ports import free_port
from clusters.waiting import eventually
from operator_processes import (
    FOR_EVER,
    LEASE,
    OperatorProcess,
    a_document,
    an_account,
    an_operator,
    condition,
    held_pods,
    run_to_its_end,
    running_pods,
    until_finished,
    until_running,
)

from deploytune.api.rbac import Installation

pytestmark = pytest.mark.usefixtures("pretended_pools")

OUTAGE_SECONDS = 60.0
WRITES_PER_TRIAL = 8


@pytest.mark.usefixtures("operator")
def test_a_tuning_runs_to_its_end_and_nothing_of_it_is_held(kubectl: Kubectl) -> None:
    kubectl.apply(a_document())

    tuning = until_finished(kubectl)

    assert ("True", "BudgetExhausted") == condition(kubectl, "Succeeded")
    assert 5 == tuning["status"]["trials"]
    eventually(lambda: held_pods(kubectl) == [], "no finalizer of ours")
    told = [event["reason"] for event in kubectl.items("events") if is_ours(event)]
    assert {"Started", "FeasibleFound", "BudgetExhausted"} <= set(told)
    assert 1 == told.count("Started")


def test_a_trial_costs_few_writes_and_a_finished_tuning_none(
    control_plane: ControlPlane, namespace: Namespace, kubectl: Kubectl, operator: OperatorProcess
) -> None:
    begun = control_plane.audit_log.now()
    kubectl.apply(a_document(max_trials=10, confirmations=0))
    until_finished(kubectl)
    eventually(lambda: held_pods(kubectl) == [], "no finalizer of ours")

    writes = writes_of(control_plane, begun, "operator", namespace)
    assert 0 < len(writes) <= 10 * WRITES_PER_TRIAL
    quiet_since = control_plane.audit_log.now()
    kubectl.run("annotate", "deploymenttuning", "tune", "a=b")
    assert 0 == operator.stop()
    assert [] == writes_of(control_plane, quiet_since, "operator", namespace)


def test_sigterm_gives_the_lease_back_and_exits_with_0(
    kubectl: Kubectl, operator: OperatorProcess
) -> None:
    kubectl.apply(a_document(runs_for=FOR_EVER))
    until_running(kubectl)
    assert holder(kubectl)

    assert 0 == operator.stop()

    assert not holder(kubectl)


def test_an_operator_that_was_killed_is_followed_by_one_that_goes_on(
    cluster: Access, namespace: Namespace, kubectl: Kubectl, tmp_path: Path
) -> None:
    kubectl.apply(a_document(max_trials=8))
    with an_operator(cluster, tmp_path, namespace.name) as first:
        eventually(lambda: len(kubectl.items("tuningtrials")) > 2, "some trials")
        first.end(signal.SIGKILL)
    with an_operator(cluster, tmp_path, namespace.name):
        tuning = until_finished(kubectl)

    assert 9 == tuning["status"]["trials"]
    assert list(range(9)) == sorted(trial["spec"]["index"] for trial in trials_of(kubectl))


def test_of_two_operators_one_writes_and_the_other_takes_over(
    control_plane: ControlPlane,
    cluster: Access,
    namespace: Namespace,
    kubectl: Kubectl,
    tmp_path: Path,
) -> None:
    begun = control_plane.audit_log.now()
    home = namespace.name
    with an_operator(cluster, tmp_path, home, name="first") as first:
        eventually(lambda: holder(kubectl), "a holder of the Lease")
        with an_operator(cluster, tmp_path, home, name="second") as second:
            kubectl.apply(a_document())
            until_finished(kubectl)
            assert second.is_running
            assert [] == writes_of(control_plane, begun, "second", namespace)

            assert 0 == first.stop()
            kubectl.apply(a_document("later"))
            until_finished(kubectl, "later")

    assert [] != writes_of(control_plane, begun, "second", namespace)


def test_an_operator_whose_lease_is_taken_ends_and_says_so(
    kubectl: Kubectl, operator: OperatorProcess
) -> None:
    eventually(lambda: holder(kubectl), "a holder of the Lease")

    kubectl.run("patch", "lease", LEASE, "--type=merge", '-p={"spec":{"holderIdentity":"other"}}')

    assert 4 == operator.wait()
    assert "taken by other" in operator.log.read_text()
    assert "other" == holder(kubectl)


@pytest.mark.timeout(240)
def test_an_api_server_that_is_down_for_a_minute_costs_no_restart(
    control_plane: ControlPlane, kubectl: Kubectl, operator: OperatorProcess
) -> None:
    kubectl.apply(a_document(max_trials=8))
    eventually(lambda: len(kubectl.items("tuningtrials")) > 2, "some trials")
    control_plane.api_server.stop()
    back = time.monotonic() + OUTAGE_SECONDS
    try:
        eventually(lambda: time.monotonic() > back, "the outage", seconds=2 * OUTAGE_SECONDS)
    finally:
        control_plane.api_server.start()
        control_plane.await_ready()

    tuning = until_finished(kubectl, seconds=90)

    assert operator.is_running
    assert 9 == tuning["status"]["trials"]


@pytest.mark.timeout(240)
def test_an_etcd_that_restarts_costs_no_restart(
    control_plane: ControlPlane, kubectl: Kubectl, operator: OperatorProcess
) -> None:
    kubectl.apply(a_document(max_trials=8))
    eventually(lambda: len(kubectl.items("tuningtrials")) > 2, "some trials")
    control_plane.etcd.kill()
    control_plane.etcd.start()
    control_plane.await_ready()

    tuning = until_finished(kubectl, seconds=90)

    assert operator.is_running
    assert 9 == tuning["status"]["trials"]


@pytest.mark.usefixtures("operator")
def test_a_tuning_that_throws_says_so_stops_no_other_and_recovers(kubectl: Kubectl) -> None:
    kubectl.apply(a_document("bad", spec={"suspend": True}))
    eventually(lambda: condition(kubectl, "Suspended", "bad")[0] == "True", "its first pass")
    kubectl.apply(a_trial_that_cannot_be(kubectl, "bad"))
    kubectl.run("patch", "deploymenttuning", "bad", "--type=merge", '-p={"spec":{"suspend":false}}')
    kubectl.apply(a_document("good"))

    until_finished(kubectl, "good")
    eventually(
        lambda: condition(kubectl, "Degraded", "bad") == ("True", "ReconcileFailed"),
        "the condition that says so",
    )
    kubectl.run("delete", "tuningtrial", "bad-0")

    until_finished(kubectl, "bad", seconds=90)
    assert "False" == condition(kubectl, "Degraded", "bad")[0]


def test_an_operator_of_one_namespace_leaves_another_alone(
    control_plane: ControlPlane, cluster: Access, kubectl: Kubectl, operator: OperatorProcess
) -> None:
    begun = control_plane.audit_log.now()
    with new_namespace(cluster) as other:
        other.kubectl.apply(a_document())
        kubectl.apply(a_document())
        until_finished(kubectl)

        assert "status" not in (other.kubectl.get("deploymenttuning", "tune") or {})
        asked = [each for each in control_plane.audit_log.since(begun) if is_of(each, "operator")]
        assert operator.is_running
        assert other.name not in {each.namespace for each in asked}


def test_what_ended_while_the_operator_was_away_is_not_lost(
    cluster: Access, namespace: Namespace, kubectl: Kubectl, tmp_path: Path
) -> None:
    kubectl.apply(a_document(runs_for="3s"))
    with an_operator(cluster, tmp_path, namespace.name) as first:
        pod = until_running(kubectl)["metadata"]["name"]
        assert 0 == first.stop()
    eventually(lambda: running_pods(kubectl) == [], "the end of the Pod")
    kubectl.run("delete", "pod", pod, "--wait=false")
    with an_operator(cluster, tmp_path, namespace.name):
        eventually(lambda: outcome_of(kubectl, "tune-0"), "the outcome of the first trial")

    (attempt,) = (kubectl.get("tuningtrial", "tune-0") or {})["status"]["attempts"]
    assert "Feasible" == attempt["outcome"]


@pytest.mark.usefixtures("operator")
@pytest.mark.parametrize(
    ("algorithm", "named"),
    [
        ({"name": "Optuna", "sampler": "NoSampler"}, "NoSampler"),
        ({"name": "Vizier"}, "must be one of TBA, TPE, Random, Grid, Optuna, got 'Vizier'"),
    ],
    ids=["a sampler that is not there", "a strategy that no package brings"],
)
def test_a_spec_that_breaks_a_rule_ends_the_tuning_and_says_which(
    kubectl: Kubectl, algorithm: dict[str, str], named: str
) -> None:
    kubectl.apply(a_document(spec={"algorithm": algorithm}))

    until_finished(kubectl)

    assert ("False", "InvalidSpec") == condition(kubectl, "Succeeded")
    events = [event for event in kubectl.items("events") if event["reason"] == "InvalidSpec"]
    assert ["Warning"] == [event["type"] for event in events]
    assert named in events[0]["message"]


def test_the_liveness_endpoint_answers_while_the_operator_waits_for_its_lease(
    cluster: Access, namespace: Namespace, kubectl: Kubectl, tmp_path: Path
) -> None:
    url = f"http://127.0.0.1:{free_port()}/healthz"
    with an_operator(cluster, tmp_path, namespace.name, name="first"):
        eventually(lambda: holder(kubectl), "a holder of the Lease")
        arguments = ("--liveness", url)
        with an_operator(
            cluster, tmp_path, namespace.name, name="second", arguments=arguments
        ) as second:
            eventually(lambda: status_of(url) == 200, "an answer of the one that waits")
            assert 0 == second.stop()


def test_a_missing_right_is_named_in_one_line(
    cluster: Access, namespace: Namespace, kubectl: Kubectl, tmp_path: Path
) -> None:
    access = an_account(cluster, tmp_path, Installation("op", namespace.name, (namespace.name,)))
    patch = [{"op": "replace", "path": "/rules/4/verbs", "value": ["get", "list", "watch"]}]
    kubectl.run("patch", "role", "op", "--type=json", f"-p={json.dumps(patch)}")

    places = ("--namespace", namespace.name, "--lease-namespace", namespace.name)
    ended = run_to_its_end(access, *places)

    assert 2 == ended.returncode
    line = f"may not create pods in namespace {namespace.name}; 2 more rights are missing"
    assert f"deploytune: the operator's account {line}\n" == ended.stderr


def test_missing_crds_are_named_with_what_to_do(
    control_plane: ControlPlane, namespace: Namespace
) -> None:
    access = control_plane.access
    crds = ("deploymenttunings.deploytune.dev", "tuningtrials.deploytune.dev")
    access.kubectl.run("delete", "crd", *crds)
    try:
        ended = run_to_its_end(access, "--namespace", namespace.name)
    finally:
        access.apply_crds()

    assert 2 == ended.returncode
    assert "apply the CRDs first" in ended.stderr
    assert 1 == len(ended.stderr.splitlines())


def test_a_second_installation_on_the_same_namespace_is_refused(
    cluster: Access, namespace: Namespace, kubectl: Kubectl, tmp_path: Path
) -> None:
    with new_namespace(cluster) as elsewhere, an_operator(cluster, tmp_path, namespace.name):
        eventually(lambda: holder(kubectl), "a holder of the Lease")
        places = ("--namespace", namespace.name, "--lease-namespace", elsewhere.name)

        ended = run_to_its_end(cluster, *places)  # who may read the Leases of both

    assert 2 == ended.returncode
    assert f"another installation watches {namespace.name}" in ended.stderr


def a_trial_that_cannot_be(kubectl: Kubectl, tuning: str) -> dict[str, Any]:
    """A trial on a pool that its tuning does not have, as only somebody else can have made it."""
    owner = kubectl.get("deploymenttuning", tuning)
    assert owner is not None
    metadata = {
        "name": f"{tuning}-0",
        "labels": {
            "app.kubernetes.io/managed-by": "deploytune",
            "deploytune.dev/tuning": tuning,
        },
        "ownerReferences": [
            {
                "apiVersion": owner["apiVersion"],
                "kind": owner["kind"],
                "name": tuning,
                "uid": owner["metadata"]["uid"],
                "controller": True,
            }
        ],
    }
    spec = {
        "tuning": tuning,
        "index": 0,
        "parameters": {"kind": "measure", "size": 1, "level": 0},
        "pool": "elsewhere",
        "purpose": "Search",
        "proposal": {"strategy": "Random", "searchStage": "Exploring"},
    }
    return {
        "apiVersion": owner["apiVersion"],
        "kind": "TuningTrial",
        "metadata": metadata,
        "spec": spec,
    }


def is_ours(event: dict[str, Any]) -> bool:
    return bool(event["involvedObject"]["kind"] == "DeploymentTuning")


def is_of(request: Any, account: str) -> bool:
    return bool(request.user.endswith(f":{account}"))


def writes_of(
    control_plane: ControlPlane, begun: int, account: str, namespace: Namespace
) -> Sequence[str]:
    """Return what an operator has written in a namespace, but for its Lease."""
    return [
        f"{each.verb} {each.resource}/{each.subresource} {each.name}"
        for each in control_plane.audit_log.since(begun)
        if each.writes
        and is_of(each, account)
        and each.namespace == namespace.name
        and each.resource not in ("leases", "selfsubjectaccessreviews")
    ]


def holder(kubectl: Kubectl) -> str | None:
    lease = kubectl.get("lease", LEASE)
    return None if lease is None else lease["spec"].get("holderIdentity")


def outcome_of(kubectl: Kubectl, name: str) -> str | None:
    trial = kubectl.get("tuningtrial", name) or {}
    outcome: str | None = trial.get("status", {}).get("outcome")
    return outcome


def status_of(url: str) -> int | None:
    try:
        with urlopen(url, timeout=5) as answer:
            status: int = answer.status
            return status
    except OSError:
        return None


def trials_of(kubectl: Kubectl) -> list[dict[str, Any]]:
    return kubectl.items("tuningtrials")
