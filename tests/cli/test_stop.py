"""`deploytune stop`, as a user meets it in the folder of a run."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import yaml
from builders import a_configuration, a_finished_trial, a_tuning, the_parameters
from clusters.waiting import eventually

from deploytune.cli import main
from deploytune.cli.exit_codes import ExitCode
from deploytune.runtime.local.state_directory import Records, StateDirectory

PROGRAM = Path(__file__).parents[1] / "trial_programs" / "deterministic.py"
STATE = Path(".deploytune", "tune")

Run = subprocess.Popen[str]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the tuning, which everybody works in."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    return tmp_path


@pytest.fixture
def start(here: Path) -> Iterator[Callable[[], Run]]:
    """Starts a run whose baseline measures and whose second trial never ends."""
    hanging = {
        "parameters": the_parameters(("measure", "hang")),
        "initial": [a_configuration(kind="hang")],
    }
    tuning = a_tuning(confirmations=1, spec={"searchSpace": hanging}, run_deadline_seconds=500)
    document = tuning.model_dump(mode="json", by_alias=True, exclude_none=True)
    (here / "tuning.yaml").write_text(yaml.safe_dump(document))
    trial = f"{sys.executable} {PROGRAM}"
    command = [sys.executable, "-m", "deploytune.cli", "run", "tuning.yaml"]
    with ExitStack() as runs:

        def begin() -> Run:
            run = subprocess.Popen(
                [*command, "--trial-command", trial], stdout=subprocess.PIPE, text=True
            )
            runs.callback(run.communicate)
            runs.callback(run.terminate)
            return run

        yield begin


def is_hanging() -> bool:
    """Whether the second trial is on record, and runs."""
    status = Records(STATE).status()
    return status is not None and status.trials > 1


def test_a_run_in_another_terminal_ends_its_search_and_confirms_its_best(
    here: Path, start: Callable[[], Run], capsys: pytest.CaptureFixture[str]
) -> None:
    run = start()
    eventually(is_hanging, "a trial that hangs")
    assert ExitCode.ANSWER == main(["stop", "tune"])
    line = capsys.readouterr().out
    assert line == (
        "tune stops: nothing more is tried; 1 trial in flight is ended and held against nothing; "
        "tune-0, the best so far, is confirmed 1 time; if no run is going on, the next "
        "`deploytune run` does that\n"
    )
    printed, _ = run.communicate(timeout=60)
    assert ExitCode.ANSWER == run.returncode
    assert "Run tune-0: kind=measure size=1 level=0 (confirmed in 1 fresh processes)." in printed
    status = Records(here / STATE).status()
    assert status is not None
    assert {"Feasible": 2, "Infrastructure": 1} == status.outcomes
    assert "Stopped" in {condition.reason for condition in status.conditions}


def test_a_run_that_was_stopped_while_nobody_ran_it_goes_on_to_its_end_alone(
    here: Path, start: Callable[[], Run]
) -> None:
    run = start()
    eventually(is_hanging, "a trial that hangs")
    run.terminate()
    assert ExitCode.INTERRUPTED == run.wait(60)
    assert ExitCode.ANSWER == main(["stop", "tune", "--state", str(here / STATE)])
    again = start()
    again.communicate(timeout=60)
    assert ExitCode.ANSWER == again.returncode
    assert 3 == len(Records(STATE).trials())


@pytest.mark.usefixtures("here")
def test_what_is_stopped_already_or_has_ended_is_one_line(
    deterministic_run: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    directory = StateDirectory.open(STATE, a_tuning(max_trials=2))
    directory.write_trial(a_finished_trial(0))
    directory.close()
    for _ in range(2):
        assert ExitCode.ANSWER == main(["stop", "tune"])
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("tune stops: nothing more is tried; nothing was feasible so far")
    assert second == "tune was stopped already, and is on its way to its end"
    deterministic_run(STATE, max_trials=2)
    capsys.readouterr()
    assert ExitCode.ANSWER == main(["stop", "tune"])
    assert capsys.readouterr().out == (
        "tune has ended already (Stopped): there is nothing to stop\n"
    )


@pytest.mark.usefixtures("here")
def test_what_is_nowhere_is_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    where = "deploytune.runtime.kube.connection.KUBE_CONFIG_DEFAULT_LOCATION"
    monkeypatch.setattr(where, "no-kubeconfig")
    assert ExitCode.BAD_INPUT == main(["stop", "tune"])
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("deploytune: .deploytune/tune is not there, and in a cluster: ")
