"""`deploytune stop`, as a user meets it in the folder of a run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from builders import a_finished_trial, a_tuning
from hanging_runs import STATE, Run, until_it_hangs

from deploytune.cli import main
from deploytune.cli.exit_codes import ExitCode
from deploytune.runtime.local.state_directory import Records, StateDirectory


def test_a_run_in_another_terminal_ends_its_search_and_confirms_its_best(
    here: Path, start: Callable[[], Run], capsys: pytest.CaptureFixture[str]
) -> None:
    run = start()
    until_it_hangs()
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
    until_it_hangs()
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
