"""`deploytune watch` of a run on this machine."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from builders import OBJECTIVE, a_tuning, at
from clusters.waiting import eventually
from hanging_runs import STATE, Run, until_it_hangs

from deploytune.api.conditions import (
    ConditionStatus,
    ConditionType,
    Reason,
    Said,
    set_condition,
)
from deploytune.api.tuning import Answer, TuningStatus
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


def test_what_a_condition_says_cannot_steer_the_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither while it goes on nor at its end."""
    state = StateDirectory.open(tmp_path, a_tuning())
    mend = a_status(ConditionType.DEGRADED, message="\x1b]0;title\x07no torch\nall is well")
    state.write_status(mend)
    with looking_on(tmp_path, capsys) as looked:
        looked.until("no torch all is well")
        state.write_status(a_status(ConditionType.FINISHED, before=mend))
    state.close()
    assert ExitCode.BAD_INPUT == looked.code
    assert "\x1b" not in looked.out + looked.err
    assert "deploytune:  ]0;title no torch all is well\n" == looked.err


def test_that_no_run_is_going_on_is_said_once_until_one_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    StateDirectory.open(tmp_path, a_tuning()).close()
    run = TuningOfRun(tmp_path)
    assert ["no run is going on"] * 2 == [run.look().trouble, run.look().trouble]
    with looking_on(tmp_path, capsys) as looked:
        looked.until("nothing is heard at the moment: no run is going on")
        state = StateDirectory.open(tmp_path, a_tuning())
        state.write_status(a_status(ConditionType.DEGRADED, message="no torch"))
        looked.until("no torch")
        assert run.look().trouble is None
        state.write_status(a_status(ConditionType.FINISHED))
        state.close()
    assert 1 == looked.out.count("no run is going on")


@pytest.mark.parametrize("value", ["[/fast]", "[abc]"])
def test_what_looks_like_markup_is_told_as_it_is(
    tmp_path: Path, value: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / value
    state = StateDirectory.open(path, a_tuning())
    best = Answer(trial="tune-1", parameters={"kind": value}, metrics={OBJECTIVE: 1.0, value: 2.0})
    state.write_status(a_status(ConditionType.FINISHED, best=best))
    state.close()
    assert ExitCode.ANSWER == main(["watch", "tune", "--state", str(path)])
    printed = capsys.readouterr().out.splitlines()
    assert f"tune: in {path}" in printed
    assert f"Run tune-1: kind={value} (not confirmed)." in printed
    assert any(line.startswith(f"{value}  ") for line in printed), "a metric of somebody's own"


def test_a_run_says_its_places_as_they_are(
    tmp_path: Path, deterministic_run: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    state, output = tmp_path / "[/fast]", tmp_path / "[abc]"
    told = ("--output", str(output))
    assert ExitCode.ANSWER == deterministic_run(state, *told, max_trials=1, confirmations=0)
    printed = capsys.readouterr().out.splitlines()
    assert f"tune: trials in {state}" in printed
    assert f"ready to serve: {output / 'model_repository'}" in printed


def a_status(
    kind: ConditionType, message: str = "", before: TuningStatus | None = None, **fields: Any
) -> TuningStatus:
    """A status of which a condition is True, besides those that were."""
    said = Said(ConditionStatus.TRUE, Reason.RUNNING, message)
    conditions = () if before is None else before.conditions
    return TuningStatus(
        conditions=set_condition(conditions, kind, said, at(0).isoformat()), **fields
    )


class Looked:
    """What somebody who looks on was told so far, and the exit code in the end."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self.code: int | None = None
        self.out = self.err = ""
        self._capsys = capsys

    def take(self) -> None:
        out, err = self._capsys.readouterr()
        self.out, self.err = self.out + out, self.err + err

    def until(self, words: str) -> None:
        def is_told() -> bool:
            self.take()
            return words in self.out

        eventually(is_told, words)


@contextmanager
def looking_on(state: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Looked]:
    """Look on from a thread, until the tuning has ended."""
    looked = Looked(capsys)

    def look() -> None:
        looked.code = main(["watch", "tune", "--state", str(state)])

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    yield looked
    thread.join(30)
    looked.take()


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
