"""What a trial with a real Triton reports."""

from __future__ import annotations

import fcntl
import os
import signal
import socket
from contextlib import suppress
from pathlib import Path

import onnx_builders
import pytest
from trial_builders import LOAD, P95, THROUGHPUT, a_closed_loop, a_poisson_load
from trial_processes import TrialProcess, eventually

from deploytune.contract.limits import Limit
from deploytune.contract.metrics import MAX_RATE, METRICS, metric_key
from deploytune.contract.outcomes import Cause, OutcomeKind
from deploytune.contract.report import Breadcrumb
from deploytune.contract.request import StageDeadlines
from deploytune.contract.stages import Stage
from deploytune.contract.workload import LoadProfile, LoadType
from deploytune_trial.process_tree import is_alive

pytestmark = pytest.mark.triton

LONG = a_poisson_load(20.0, window_requests=10_000)


def test_a_feasible_trial_reports_every_metric_and_leaves_nothing(trial: TrialProcess) -> None:
    report = trial.run(limits=[Limit(metric=P95, max=1000)])

    assert report.outcome is OutcomeKind.FEASIBLE
    of_other_data = {"mean_absolute_error", "evaluation_score", "evaluation_score_drop"}
    assert set(report.metrics) == {
        metric_key(name, LOAD if metric.under_load else None)
        for name, metric in METRICS.items()
        if name not in {*of_other_data, MAX_RATE} and not metric.needs_device
    }
    assert list(report.stage_seconds) == list(Stage)
    assert report.facts[f"serverAnswered@{LOAD}"] == report.facts[f"answered@{LOAD}"]
    assert report.metrics["server_memory_mib"].value > 20
    assert report.metrics["output_drift"].value < 1e-5
    assert trial.shared_memory() == []


def test_a_trial_at_a_rate_measures_that_rate(trial: TrialProcess) -> None:
    trial.workload["loads"] = [a_poisson_load(100.0, window_requests=30, max_windows=4)]

    report = trial.run(objectives=[P95])

    assert report.outcome is OutcomeKind.FEASIBLE
    assert 70 < report.metrics[THROUGHPUT].value < 140


def test_the_highest_rate_under_a_limit_is_found(trial: TrialProcess) -> None:
    trial.workload["loads"] = [
        LoadProfile(
            name=LOAD,
            type=LoadType.MAX_RATE,
            rate_per_second=200.0,
            window_requests=40,
            max_windows=3,
        )
    ]
    rate = metric_key(MAX_RATE, LOAD)

    report = trial.run(objectives=[rate], limits=[Limit(metric=P95, max=5000)])

    assert report.outcome is OutcomeKind.FEASIBLE
    assert 1 < report.metrics[rate].value <= 200
    assert report.metrics[P95].value <= 5000


def test_a_missed_limit_is_infeasible(trial: TrialProcess) -> None:
    report = trial.run(limits=[Limit(metric="accuracy", min=0.999)])

    assert (report.outcome, report.cause) == (OutcomeKind.INFEASIBLE, Cause.LIMIT_MISSED)
    assert "accuracy is" in report.message


def test_a_function_of_the_users_own_scores_what_triton_answers(trial: TrialProcess) -> None:
    (trial.folder / "scoring.py").write_text(
        "def is_right(outputs, labels):\n    return outputs['scores'].argmax(axis=-1) == labels\n"
    )
    trial.workload["evaluation"] = {"function": "python:scoring:is_right"}

    report = trial.run(limits=[Limit(metric="evaluation_score", min=0.01)])

    assert report.outcome is OutcomeKind.FEASIBLE
    assert report.metrics["evaluation_score"].value == report.metrics["accuracy"].value
    assert report.metrics["evaluation_score_drop"].value == 0


def test_a_hopeless_latency_is_aborted_early(trial: TrialProcess) -> None:
    trial.workload["loads"] = [a_closed_loop(window_requests=1000)]

    report = trial.run(limits=[Limit(metric=P95, max=0.001)])

    assert (report.outcome, report.cause) == (OutcomeKind.INFEASIBLE, Cause.ABORTED_EARLY)
    assert report.metrics[P95].value > 0.005
    assert int(report.facts[f"requests@{LOAD}"]) < 100


def test_a_request_that_times_out_has_an_infinite_latency(trial: TrialProcess) -> None:
    trial.workload["loads"] = [
        a_closed_loop(window_requests=10, max_windows=3, request_timeout_seconds=1e-6)
    ]

    report = trial.run(limits=[Limit(metric=P95, max=1000)])

    assert report.outcome is OutcomeKind.INFEASIBLE
    assert report.metrics[P95].value == pytest.approx(1e-3)
    assert report.facts[f"answered@{LOAD}"] == 0


def test_concurrent_requests_are_served_in_batches(trial: TrialProcess) -> None:
    trial.workload["loads"] = [a_closed_loop(8, window_requests=200, max_windows=3)]

    report = trial.run(parameters={"maxBatchSize": 8, "maxQueueDelayMicroseconds": 20_000})

    assert float(report.facts[f"meanBatch@{LOAD}"]) > 2


def test_several_loads_are_measured_one_after_the_other(trial: TrialProcess) -> None:
    loads = [
        a_closed_loop(concurrency, window_requests=20, max_windows=3).replace(name=name)
        for name, concurrency in (("one", 1), ("four", 4))
    ]
    trial.workload["loads"] = loads

    report = trial.run(objectives=["throughput@four"])

    assert {"throughput@one", "throughput@four"} <= set(report.metrics)


def test_a_model_with_a_fixed_batch_is_served_at_that_batch(trial: TrialProcess) -> None:
    model = onnx_builders.an_mlp(batch=4)
    trial.workload["models"][0]["source"] = onnx_builders.saved(model, trial.folder, "four.onnx")
    trial.workload["requestBatch"] = 4

    report = trial.run()

    assert report.outcome is OutcomeKind.FEASIBLE
    assert report.metrics[THROUGHPUT].value > 0


def test_threads_and_spinning_reach_the_served_model(trial: TrialProcess) -> None:
    trial.run(parameters={"intraOpThreads": 3}, resources={"cpus": 2})

    assert trial.settings()["intra_op_threads"] == 3
    assert trial.settings()["allow_spinning"] is False


def test_a_parameter_that_nobody_consumes_is_refused_at_once(trial: TrialProcess) -> None:
    report = trial.run(parameters={"turbo": True})

    assert (report.outcome, report.cause) == (OutcomeKind.MISCONFIGURED, Cause.BAD_PARAMETER)
    assert report.stage is Stage.LOAD
    assert "turbo" in report.message


def test_ports_that_are_taken_are_said_in_a_line(trial: TrialProcess) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        trial.variables["DEPLOYTUNE_PORTS"] = f"{port}-{port}"

        report = trial.run()

    assert report.outcome is OutcomeKind.MISCONFIGURED
    assert f"ports {port}-{port}: 2 free ones are needed" in report.message


def test_a_stage_that_takes_too_long_times_out(trial: TrialProcess) -> None:
    report = trial.run(stage_deadlines=StageDeadlines(serve=0.05))

    assert (report.outcome, report.cause) == (OutcomeKind.TIMED_OUT, Cause.STAGE_DEADLINE)
    assert report.stage is Stage.SERVE
    assert trial.shared_memory() == []


def test_a_run_that_takes_too_long_times_out(trial: TrialProcess) -> None:
    trial.workload["loads"] = [LONG]

    report = trial.run(run_deadline_seconds=6)

    assert (report.outcome, report.cause) == (OutcomeKind.TIMED_OUT, Cause.RUN_DEADLINE)
    assert trial.shared_memory() == []


def test_the_wait_for_the_measurement_lock_is_nobodys_time(trial: TrialProcess) -> None:
    lock = trial.folder / "lock"
    trial.variables["DEPLOYTUNE_MEASURE_LOCK"] = str(lock)

    def waits() -> bool:
        said = trial.message()
        return isinstance(said, Breadcrumb) and said.waiting_since is not None

    with lock.open("w") as holder:
        fcntl.flock(holder, fcntl.LOCK_EX)
        trial.start()
        eventually(waits)
    report = trial.report()

    assert report.outcome is OutcomeKind.FEASIBLE
    assert report.waited_seconds > 0


def test_sigterm_ends_a_trial_and_all_it_has_started(trial: TrialProcess) -> None:
    trial.workload["loads"] = [LONG]
    trial.start()
    trial.wait_for_stage(Stage.MEASURE)
    started = trial.descendants()
    assert len(started) >= 2

    trial.kill(signal.SIGTERM)
    trial.process.wait(5)
    report = trial.report()

    assert (report.outcome, report.cause) == (OutcomeKind.INFRASTRUCTURE, Cause.INTERRUPTED)
    assert report.stage is Stage.MEASURE
    assert "accuracy" in report.metrics
    assert not any(is_alive(process) for process in started)
    assert trial.shared_memory() == []


def test_triton_dies_with_a_trial_that_is_killed(trial: TrialProcess) -> None:
    trial.workload["loads"] = [LONG]
    trial.start()
    trial.wait_for_stage(Stage.MEASURE)
    started = trial.descendants()
    stubs = [one for one in started if "stub" in program_of(one)]
    assert len(stubs) < len(started)

    trial.kill(signal.SIGKILL)
    trial.process.communicate()

    eventually(lambda: not any(is_alive(one) for one in started if one not in stubs))
    # A stub may wait for ever for a lock that its server held when it died: a guard ends those.
    for stub in stubs:
        with suppress(ProcessLookupError):
            os.kill(stub, signal.SIGKILL)
    assert isinstance(said := trial.message(), Breadcrumb)
    assert said.stage is Stage.MEASURE
    for region in trial.shared_memory():  # nobody was left to do it
        region.unlink()


def test_a_stub_that_dies_under_load_is_a_failed_server(trial: TrialProcess) -> None:
    trial.workload["loads"] = [LONG]
    trial.start()
    trial.wait_for_stage(Stage.MEASURE)
    stub = next(process for process in trial.descendants() if "stub" in program_of(process))

    os.kill(stub, signal.SIGKILL)
    report = trial.report()

    assert (report.outcome, report.cause) == (OutcomeKind.CRASHED, Cause.SERVER_FAILED)
    assert "request failed" in report.message
    assert trial.shared_memory() == []


def test_a_server_that_somebody_kills_is_not_the_configurations_fault(trial: TrialProcess) -> None:
    trial.workload["loads"] = [LONG]
    trial.start()
    trial.wait_for_stage(Stage.MEASURE)
    server = next(
        process for process in trial.descendants() if program_of(process) == "tritonserver"
    )

    os.kill(server, signal.SIGKILL)
    report = trial.report()

    assert (report.outcome, report.cause) == (OutcomeKind.INFRASTRUCTURE, Cause.UNKNOWN_KILL)


def program_of(process: int) -> str:
    """The name of a process's program."""
    return Path(f"/proc/{process}/exe").readlink().name
