"""Real Pods on real kubelets, and what their ends are taken for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from clusters.kubectl import Kubectl
from clusters.node_clusters import NodeCluster
from clusters.waiting import eventually
from pod_cases.cases import CASES
from pod_cases.scene import NAME, Scene
from pod_cases.verdicts import IDENTITY, VERDICTS, verdict_of

from deploytune.api.trial import AttemptRecord, EndRequest
from deploytune.contract.outcomes import Cause, OutcomeKind
from deploytune.state.classify import classify
from deploytune.state.pods.attempts import attempt_of
from deploytune.state.pods.endings import DISRUPTED_MARGIN

LIVE = (
    *("succeeded-with-report", "oom-of-trial", "oom-of-child-exit-0", "oom-of-sidecar"),
    *("deadline", "deadline-before-image", "own-folder", "command-missing", "segfault"),
    *("evicted", "preempted", "tainted-away", "deleted", "refused-for-accelerators"),
)


@pytest.fixture
def scene(node_cluster: NodeCluster, kubectl: Kubectl) -> Scene:
    return Scene(node_cluster, kubectl)


@pytest.mark.parametrize("name", LIVE, ids=[VERDICTS[name].phrase for name in LIVE])
def test_a_pod_that_ends_has_its_verdict(scene: Scene, name: str) -> None:
    expected = VERDICTS[name]
    verdict = verdict_of(CASES[name](scene), datetime.now(UTC), scene.warnings())
    assert verdict is not None
    assert (expected.outcome, expected.cause, expected.stage) == (
        verdict.outcome,
        verdict.cause,
        verdict.stage,
    )
    assert expected.says in verdict.message


def test_a_kill_from_outside_is_infrastructure_once_and_a_crash_then(scene: Scene) -> None:
    attempt = attempt_of(CASES["killed-from-outside"](scene), datetime.now(UTC))
    assert attempt is not None
    assert attempt.ending is not None
    first = classify(IDENTITY, attempt.ending)
    record = AttemptRecord(attempt=0, outcome=first.outcome, cause=first.cause)
    second = classify(IDENTITY, attempt.ending, (record,))
    assert (OutcomeKind.INFRASTRUCTURE, Cause.UNKNOWN_KILL) == (first.outcome, first.cause)
    assert (OutcomeKind.CRASHED, Cause.ERROR) == (second.outcome, second.cause)


def test_a_deletion_that_we_put_on_record_is_our_request(scene: Scene) -> None:
    pod = CASES["deleted"](scene)
    ours = attempt_of(pod, datetime.now(UTC), end_requested=EndRequest(attempt=0, why="suspended"))
    assert ours is not None
    assert ours.ending is not None
    verdict = classify(IDENTITY, ours.ending)
    assert (OutcomeKind.INFRASTRUCTURE, Cause.INTERRUPTED) == (verdict.outcome, verdict.cause)


def test_a_pod_lost_with_its_node_ends_although_it_is_shown_as_running(scene: Scene) -> None:
    """Its kubelet is killed; nobody will ever give it a terminal phase."""
    pod = CASES["node-lost"](scene)
    assert "Running" == pod["status"]["phase"]
    assert verdict_of(pod, datetime.now(UTC)) is None
    due = datetime.fromisoformat(pod["metadata"]["deletionTimestamp"])
    verdict = verdict_of(pod, due + DISRUPTED_MARGIN + timedelta(seconds=1))
    assert verdict is not None
    assert (OutcomeKind.INFRASTRUCTURE, Cause.DISRUPTED) == (verdict.outcome, verdict.cause)


def test_a_result_outlives_a_deletion_until_its_finalizer_goes(scene: Scene) -> None:
    CASES["succeeded-with-report"](scene)
    scene.delete()
    verdict = verdict_of(scene.pod(), datetime.now(UTC))
    assert verdict is not None
    assert OutcomeKind.FEASIBLE is verdict.outcome
    scene.clear()
    eventually(lambda: scene.kubectl.get("pod", NAME) is None, "the Pod's end")
