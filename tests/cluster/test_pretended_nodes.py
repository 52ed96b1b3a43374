"""Nodes that only pretend end their Pods as real ones would: with a report, or killed and held."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from clusters.kubectl import Kubectl
from clusters.nodes import ACCELERATOR, POOL_LABEL
from clusters.stages import EXIT_CODE, MESSAGE, RUNS_FOR
from clusters.waiting import eventually

from deploytune.contract.codec import decode_message
from deploytune.contract.outcomes import OutcomeKind
from deploytune.contract.report import TrialReport

FINALIZER = "deploytune.dev/result"
RESTRICTED = {
    "runAsNonRoot": True,
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}


def a_pod(
    annotations: Mapping[str, str], request: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """A Pod for the pretended nodes of a pool, held by a finalizer."""
    container = {
        "name": "trial",
        "image": "localhost/none",
        "env": [{"name": "DEPLOYTUNE_TRIAL", "value": json.dumps(request)}] if request else [],
        "securityContext": RESTRICTED,
        "resources": {"limits": {ACCELERATOR: "1"}},
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": "asking",
            "annotations": dict(annotations),
            "finalizers": [FINALIZER],
        },
        "spec": {
            "restartPolicy": "Never",
            "nodeSelector": {POOL_LABEL: "pool-1"},
            "containers": [container],
        },
    }


def in_phase(kubectl: Kubectl, phase: str) -> dict[str, Any]:
    """Wait for a phase of the Pod and return how its container is."""

    def reached() -> dict[str, Any] | None:
        status: dict[str, Any] = (kubectl.get("pod", "asking") or {}).get("status", {})
        return status if status.get("phase") == phase else None

    [container] = eventually(reached, f"phase {phase}")["containerStatuses"]
    state: dict[str, Any] = container["state"]
    return state


def test_a_trial_reports_what_follows_from_its_parameters(
    pretended_pools: Sequence[str], kubectl: Kubectl
) -> None:
    assert pretended_pools
    limits = [{"metric": "server_memory_mib", "max": 105.5}]
    identity = {"version": 1, "trial": "tune-3", "index": 3, "attempt": 0}
    kubectl.create(a_pod({}, {**identity, "parameters": {"size": 2, "level": 3}, "limits": limits}))

    said = in_phase(kubectl, "Succeeded")["terminated"]["message"]

    report = decode_message(said.encode())
    assert isinstance(report, TrialReport)
    assert (report.trial, report.index) == ("tune-3", 3)
    assert report.outcome is OutcomeKind.INFEASIBLE
    assert {key: m.value for key, m in report.metrics.items()} == {
        "throughput@full": 203.0,
        "server_memory_mib": 109.0,
    }


def test_a_pod_ends_as_its_annotations_say(
    pretended_pools: Sequence[str], kubectl: Kubectl
) -> None:
    assert pretended_pools
    words = '{"v": 1, "said": "quoted \\"twice\\""}'
    kubectl.create(a_pod({EXIT_CODE: "21", MESSAGE: words, RUNS_FOR: "10ms"}))

    ended = in_phase(kubectl, "Failed")["terminated"]

    assert (ended["exitCode"], ended["message"]) == (21, words)


def test_a_deleted_pod_is_killed_and_held_by_its_finalizer(
    pretended_pools: Sequence[str], kubectl: Kubectl
) -> None:
    assert pretended_pools
    kubectl.create(a_pod({RUNS_FOR: "24h"}))
    in_phase(kubectl, "Running")

    kubectl.run("delete", "pod", "asking", "--wait=false")

    assert in_phase(kubectl, "Failed")["terminated"]["exitCode"] == 137
    kubectl.merge("pod", "asking", {"metadata": {"finalizers": None}})
    eventually(lambda: kubectl.get("pod", "asking") is None, "the end of the Pod")
