"""What a trial reports is not trusted: anything but an honest report is Invalid, and no error."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from clusters.access import Access
from clusters.kubectl import Kubectl
from clusters.namespaces import Namespace
from clusters.stages import MESSAGE, RUNS_FOR
from operator_processes import (
    FOR_EVER,
    OperatorProcess,
    a_document,
    an_operator,
    condition,
    until_finished,
    until_running,
)
from tuning_courses import trials_of

pytestmark = pytest.mark.usefixtures("pretended_pools")

METRICS = {"throughput@full": {"value": 100.0}, "server_memory_mib": {"value": 100.0}}


def a_report(tuning: str, index: int = 0, **changes: Any) -> str:
    """A feasible report, as JSON, with some fields changed."""
    return json.dumps(
        {
            "version": 1,
            "trial": f"{tuning}-{index}",
            "index": index,
            "attempt": 0,
            "outcome": "Feasible",
            "stage": "Report",
            "metrics": METRICS,
            **changes,
        },
        ensure_ascii=False,
    )


def with_throughput(value: Any) -> dict[str, Any]:
    return {"metrics": {**METRICS, "throughput@full": {"value": value}}}


HOSTILE = {
    "too-long": a_report("too-long", facts=dict.fromkeys("abc", "é" * 1000)),
    "cut-off": a_report("cut-off")[:-20],
    "not-json": 'no "outcome" is JSON',
    "a-list": '["outcome"]',
    "nan": a_report("nan", **with_throughput(float("nan"))),
    "infinite": a_report("infinite", **with_throughput(float("inf"))),
    "huge": a_report("huge", **with_throughput(1e300)),
    "a-word": a_report("a-word", **with_throughput("fast")),
    "negative-width": a_report(
        "negative-width", metrics={**METRICS, "accuracy": {"value": 1.0, "halfWidth": -1.0}}
    ),
    "negative-seconds": a_report("negative-seconds", stageSeconds={"Build": -5.0}),
    "version-3": a_report("version-3", version=3),
    "other-index": a_report("other-index", index=7),
    "other-trial": a_report("another"),
    "other-attempt": a_report("other-attempt", attempt=3),
    "negative": a_report("negative", metrics={**METRICS, "server_memory_mib": {"value": -1e15}}),
    "long-key": a_report("long-key", facts={"k" * 1100: 1}),
    "no-such-outcome": a_report("no-such-outcome", outcome="Best"),
    "no-metrics": a_report("no-metrics", metrics={}),
    "over-the-limit": a_report(
        "over-the-limit", metrics={**METRICS, "server_memory_mib": {"value": 1e6}}
    ),
    "nested": '{"outcome": ' + "[" * 2000 + "]" * 2000 + "}",
}


def a_reporting(tuning: str, message: str) -> dict[str, Any]:
    """A tuning of two trials that both end with this message."""
    annotations = {RUNS_FOR: "10ms", MESSAGE: message}
    document = a_document(tuning, max_trials=2, confirmations=0, memory_max=200.0)
    document["spec"]["trial"]["podTemplate"]["annotations"] = annotations
    return document


@pytest.fixture
def operator(cluster: Access, namespace: Namespace, tmp_path: Path) -> Iterator[OperatorProcess]:
    with an_operator(cluster, tmp_path, namespace.name) as running:
        yield running


NOT_PRINTABLE = "a\x7fb\x85c\u2028d\ufeffe\x00"


def test_an_honest_report_may_hold_an_emoji(kubectl: Kubectl, operator: OperatorProcess) -> None:
    message = a_report("emoji", message="\N{HUGGING FACE}", facts={"\N{HUGGING FACE}": 1})
    kubectl.apply(a_reporting("emoji", message))
    outcomes = until_finished(kubectl, "emoji")["status"]["outcomes"]
    assert {"Feasible": 1, "Invalid": 1} == outcomes, operator.log.read_text()


def test_an_honest_report_may_hold_what_is_not_printable(
    kubectl: Kubectl, operator: OperatorProcess
) -> None:
    kubectl.apply(a_document(max_trials=1, confirmations=0, runs_for=FOR_EVER))
    end_with(kubectl, a_report("tune", message=NOT_PRINTABLE))
    assert {"Feasible": 1} == until_finished(kubectl)["status"]["outcomes"], (
        operator.log.read_text()
    )
    (trial,) = trials_of(kubectl)
    assert NOT_PRINTABLE == trial["status"]["message"]


def test_a_hostile_report_is_invalid_and_the_tuning_goes_on(
    kubectl: Kubectl, operator: OperatorProcess
) -> None:
    kubectl.apply(*(a_reporting(*each) for each in HOSTILE.items()))

    tunings = {name: until_finished(kubectl, name, seconds=90) for name in HOSTILE}

    counted = {name: tuning["status"]["outcomes"] for name, tuning in tunings.items()}
    assert {name: {"Invalid": 2} for name in HOSTILE} == counted
    ends = {name: condition(kubectl, "Succeeded", name) for name in HOSTILE}
    assert {("False", "NoFeasibleConfiguration")} == set(ends.values())
    assert "Traceback" not in operator.log.read_text()


def test_reports_of_neighbouring_versions_are_taken_over_an_upgrade_of_the_operator(
    cluster: Access, namespace: Namespace, kubectl: Kubectl, tmp_path: Path
) -> None:
    """The trial images are one contract version older and younger than the operator."""
    kubectl.apply(a_document(max_trials=2, confirmations=0, runs_for=FOR_EVER))
    with an_operator(cluster, tmp_path, namespace.name) as before:
        end_with(kubectl, a_report("tune", 0, version=0))
        until_running(kubectl)
        assert 0 == before.stop()
    end_with(kubectl, a_report("tune", 1, version=2, metrics=new_metrics(), novelty={"a": [1]}))
    with an_operator(cluster, tmp_path, namespace.name, name="after", home=namespace.name):
        tuning = until_finished(kubectl)

    assert {"Feasible": 2} == tuning["status"]["outcomes"]
    reported = [trial["status"]["metrics"]["throughput@full"] for trial in trials_of(kubectl)]
    assert [{"value": 100}, {"value": 100}] == reported


def new_metrics() -> dict[str, Any]:
    """What a later version may measure: fields that this one does not know."""
    return {key: {**value, "samples": 1000} for key, value in METRICS.items()}


def end_with(kubectl: Kubectl, message: str) -> None:
    """End the Pod that runs as its kubelet would, with a termination message."""
    pod = until_running(kubectl)
    (container,) = pod["status"]["containerStatuses"]
    times = {"startedAt": pod["status"]["startTime"], "finishedAt": pod["status"]["startTime"]}
    terminated = {"exitCode": 0, "reason": "Completed", "message": message, **times}
    ended = {**container, "ready": False, "state": {"terminated": terminated}}
    status = {"phase": "Succeeded", "containerStatuses": [ended]}
    kubectl.merge_status("pod", pod["metadata"]["name"], {"status": status})
