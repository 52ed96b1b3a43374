"""Models whose code misbehaves end with the right outcome, and nothing of theirs stays."""

from __future__ import annotations

import shutil
import signal
import subprocess
from pathlib import Path

import pytest
from trial_processes import TrialProcess

from deploytune.contract.outcomes import Cause, OutcomeKind
from deploytune.contract.stages import Stage
from deploytune_trial.process_tree import is_alive

pytestmark = pytest.mark.triton

MODULES = Path(__file__).parents[1] / "trial_programs" / "hostile_modules.py"
TEMPORARY = Path("/tmp")
MIB = 2**20


def serving(trial: TrialProcess, function: str) -> TrialProcess:
    """Have a trial serve a hostile module."""
    pytest.importorskip("torch")
    shutil.copy(MODULES, trial.folder / "hostile.py")
    trial.workload["models"][0]["source"] = f"python:hostile:{function}"
    trial.workload["inputs"] = [{"name": "x", "shape": [16]}]
    return trial


def on_a_small_disk(trial: TrialProcess, size_bytes: int) -> TrialProcess:
    """Give a trial's scratch folder a disk of its own, which ends with the trial."""
    mount = f"mount -t tmpfs -o size={size_bytes} tmpfs {trial.scratch}"
    trial.launcher = ["unshare", "--mount", "sh", "-c", f'{mount} && exec "$@"', "enter"]
    probe = [*trial.launcher[:3], "-c", f"{mount}", "enter"]
    if subprocess.run(probe, check=False, capture_output=True).returncode != 0:
        pytest.skip("no file system can be mounted here")
    return trial


def test_a_model_that_forks_and_ignores_sigterm_leaves_nothing(trial: TrialProcess) -> None:
    serving(trial, "build_with_daemons")
    elsewhere = set(TEMPORARY.glob("hostile-*"))
    trial.start()
    trial.wait_for_stage(Stage.BUILD)
    started = trial.descendants()
    assert len(started) >= 2  # those of the loaded model; the build may have begun

    trial.kill(signal.SIGTERM)
    report = trial.report()

    assert (report.outcome, report.cause) == (OutcomeKind.INFRASTRUCTURE, Cause.INTERRUPTED)
    assert not any(is_alive(process) for process in started)
    assert set(TEMPORARY.glob("hostile-*")) <= elsewhere
    assert len(list(trial.scratch.glob("hostile-*"))) >= 1  # goes with the scratch folder


def test_a_model_that_fills_the_disk_while_it_loads_is_told_so(trial: TrialProcess) -> None:
    serving(on_a_small_disk(trial, 4 * MIB), "build_on_a_full_disk")

    report = trial.run()

    assert (report.outcome, report.cause) == (OutcomeKind.CRASHED, Cause.DISK_FULL)
    assert report.stage is Stage.LOAD
    assert "No space left on device" in report.message
    assert list(trial.scratch.iterdir()) == []


def test_a_build_that_fills_the_disk_is_told_so(trial: TrialProcess) -> None:
    on_a_small_disk(trial, 16 * 1024)

    report = trial.run(parameters={"precision": "fp16"})

    assert (report.outcome, report.cause) == (OutcomeKind.CRASHED, Cause.DISK_FULL)
