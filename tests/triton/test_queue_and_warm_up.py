"""What Triton's queue rejects, and which shapes it has run before it is ready."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import onnx_builders
import pytest
from trial_builders import LOAD, P95, THROUGHPUT, a_closed_loop
from trial_processes import TrialProcess

from deploytune.contract.limits import Limit
from deploytune.contract.outcomes import Cause, OutcomeKind
from deploytune.contract.report import TrialReport
from deploytune_trial.children import Children
from deploytune_trial.triton.installation import Installation
from deploytune_trial.triton.server import Counters, ServerSettings, start_server
from deploytune_trial.triton.shared_memory import unlink_shared_memory

pytestmark = pytest.mark.triton

SLOW_ENOUGH = Limit(metric=P95, max=10_000)


def test_a_full_queue_rejects_and_a_rejection_is_an_infinite_latency(trial: TrialProcess) -> None:
    trial.workload["loads"] = [a_closed_loop(16, window_requests=60, max_windows=3)]

    report = trial.run(parameters={"maxQueueSize": 2}, limits=[SLOW_ENOUGH])

    assert (report.outcome, report.cause) == (OutcomeKind.INFEASIBLE, Cause.ABORTED_EARLY)
    assert "without end" in report.message
    assert int(report.facts[f"answered@{LOAD}"]) < int(report.facts[f"requests@{LOAD}"])


def test_requests_that_waited_too_long_are_rejected(trial: TrialProcess) -> None:
    trial.workload["loads"] = [a_closed_loop(64, window_requests=100, max_windows=3)]

    report = trial.run(parameters={"queueTimeoutMicroseconds": 2000}, limits=[SLOW_ENOUGH])

    assert report.outcome is OutcomeKind.INFEASIBLE
    assert int(report.facts[f"answered@{LOAD}"]) < int(report.facts[f"requests@{LOAD}"])


def test_a_queue_with_room_rejects_nothing(trial: TrialProcess) -> None:
    trial.workload["loads"] = [a_closed_loop(4, window_requests=60, max_windows=3)]
    parameters = {"maxQueueSize": 64, "queueTimeoutMicroseconds": 5_000_000}

    report = trial.run(parameters=parameters, objectives=[THROUGHPUT])

    assert (report.outcome, report.message) == (OutcomeKind.FEASIBLE, "")
    assert report.facts[f"answered@{LOAD}"] == report.facts[f"requests@{LOAD}"]
    assert math.isfinite(report.metrics[P95].value)


def test_a_queue_that_rejects_a_lone_request_is_said_to(trial: TrialProcess) -> None:
    report = trial.run(
        parameters={"maxQueueDelayMicroseconds": 50_000, "queueTimeoutMicroseconds": 1}
        | {"maxBatchSize": 8}
    )

    assert (report.outcome, report.cause) == (OutcomeKind.CRASHED, Cause.UNSUPPORTED)
    assert "rejects requests though nothing waits" in report.message


@pytest.mark.parametrize(
    ("shapes", "expected"),
    [
        ("None", Counters(requests=0, failures=0, inferences=0, executions=0)),
        ("Few", Counters(requests=5, failures=0, inferences=1 + 4, executions=2)),
        ("Every", Counters(requests=10, failures=0, inferences=1 + 2 + 3 + 4, executions=4)),
    ],
)
def test_triton_has_run_the_shapes_that_were_asked_for_before_it_is_ready(
    trial: TrialProcess, triton: Installation, shapes: str, expected: Counters
) -> None:
    """Triton makes a batch of so many requests of one sample each, and counts them all."""
    report = kept(trial, {"maxBatchSize": 4, "warmUpShapes": shapes})
    assert (report.outcome, report.message) == (OutcomeKind.FEASIBLE, "")

    assert counted_when_ready(trial, triton) == expected


def test_a_model_with_a_fixed_batch_has_run_once_before_triton_is_ready(
    trial: TrialProcess, triton: Installation, tmp_path: Path
) -> None:
    source = onnx_builders.saved(onnx_builders.an_mlp(4), tmp_path, "fixed.onnx")
    trial.workload |= {"models": [{"name": "net", "source": source}], "requestBatch": 4}
    report = kept(trial, {})
    assert (report.outcome, report.message) == (OutcomeKind.FEASIBLE, "")

    assert counted_when_ready(trial, triton) == Counters(1, 0, 1, 1)


def kept(trial: TrialProcess, parameters: dict[str, Any]) -> TrialReport:
    """Run a trial that keeps its repository."""
    trial.variables["DEPLOYTUNE_REPOSITORY"] = str(trial.folder / "kept")
    return trial.run(parameters=parameters)


def counted_when_ready(trial: TrialProcess, triton: Installation) -> Counters:
    """What a server counts that has only just loaded what a trial has kept."""
    children = Children()
    scratch = trial.folder / "again"
    scratch.mkdir()
    settings = ServerSettings(triton, trial.folder / "kept", "net", scratch, None, trial.prefix)
    try:
        return start_server(settings, children).counters()
    finally:
        children.end_all()
        unlink_shared_memory(trial.prefix)


def test_the_report_says_which_backend_ran_the_model_and_why(trial: TrialProcess) -> None:
    report = trial.run()

    assert report.facts["tritonBackend"] == "python"
    assert report.facts["tritonBackendWhy"] == "this Triton has no onnxruntime backend"
