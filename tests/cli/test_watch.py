"""`deploytune watch` of a run on this machine."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from builders import a_tuning
from clusters.waiting import eventually
from hanging_runs import STATE, Run, until_it_hangs

from deploytune.cli import main
from deploytune.cli.exit_codes import ExitCode
from deploytune.contract.stages import Stage
from deploytune.runtime.local.looking import TuningOfRun
from deploytune.runtime.local.state_directory import StateDirectory


def test_a_run_that_has_ended_is_told_as_it_ended(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    deterministic_run: Callable[..., int],
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    code = deterministic_run(STATE, max_trials=3, confirmations=1)
    told = capsys.readouterr().out
    assert code == main(["watch", "tune"])
    looked = capsys.readouterr().out
    answer = told[told.index("status:") : told.index("ready to serve")]
    assert answer in looked
    assert [line for line in told.splitlines() if " Feasible " in line] == [
        line for line in looked.splitlines() if " Feasible " in line
    ]


def test_a_folder_that_is_no_state_directory_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ExitCode.BAD_INPUT == main(["watch", "tune", "--state", str(tmp_path)])
    (line,) = capsys.readouterr().err.splitlines()
    assert "must be a folder in which `deploytune run` keeps trials of tune" in line


def test_a_run_without_a_trial_yet_has_nothing_running(tmp_path: Path) -> None:
    StateDirectory.open(tmp_path, a_tuning()).close()
    sight = TuningOfRun(tmp_path).look()
    assert ((), {}, False) == (sight.recorded.trials, sight.doing, sight.is_finished)


def test_a_run_in_another_terminal_is_seen_with_its_stage_until_it_ends(
    start: Callable[[], Run], capsys: pytest.CaptureFixture[str]
) -> None:
    run = start()
    until_it_hangs()

    def its_word() -> tuple[str | None, object] | None:
        stage, since = TuningOfRun(STATE).look().doing.get(1, (None, None))
        return None if stage is None else (stage, since)

    stage, _ = eventually(its_word, "the first word of the trial")
    assert Stage.BUILD == stage
    assert ExitCode.ANSWER == main(["stop", "tune"])
    assert ExitCode.ANSWER == main(["watch", "tune"])
    printed = capsys.readouterr().out
    assert "tune: in .deploytune/tune" in printed
    assert "Run tune-0: kind=measure size=1 level=0 (confirmed in 1 fresh processes)." in printed
    run.communicate(timeout=60)
