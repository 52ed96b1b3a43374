"""`deploytune export`, as a user meets it: what it writes, and one line where it refuses."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import pytest
from builders import a_finished_trial, a_trial, a_tuning
from handover_builders import a_status

from deploytune.cli import main
from deploytune.cli.exit_codes import ExitCode
from deploytune.runtime.local.state_directory import StateDirectory

OneLine = Callable[..., str]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Everything happens in an empty folder, far from any cluster."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    return tmp_path


@pytest.fixture
def refusal(capfd: pytest.CaptureFixture[str]) -> OneLine:
    """Asks for an export, and returns the one line with which it is refused."""

    def ask(*arguments: str) -> str:
        capfd.readouterr()
        code = main(["export", *arguments])
        printed = capfd.readouterr()
        assert ExitCode.BAD_INPUT == code
        assert "" == printed.out
        (line,) = printed.err.splitlines()
        assert line.startswith("deploytune: ")
        return line.removeprefix("deploytune: ")

    return ask


def keep_run(*, finished: bool = True, found: bool = True) -> Path:
    """Make a state directory of three trials, where `deploytune run` has its own."""
    state = Path(".deploytune", "tune")
    directory = StateDirectory.open(state, a_tuning())
    best = a_finished_trial(1)
    for trial in (a_finished_trial(0), best, a_trial(2)):
        directory.write_trial(trial)
    directory.write_status(a_status(best if found else None, finished=finished))
    directory.close()
    return state


def exported(*arguments: str) -> None:
    assert ExitCode.ANSWER == main(["export", *arguments])


def test_an_unknown_format_is_refused_with_those_there_are(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["export", "excel", "tune"])
    assert 2 == ended.value.code
    assert "invalid choice: 'excel' (choose from" in capfd.readouterr().err.splitlines()[-1]


def test_the_table_goes_to_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    keep_run()
    exported("csv", "tune")
    rows = list(csv.DictReader(capsys.readouterr().out.splitlines()))
    assert ["tune-0", "tune-1", "tune-2"] == [row["trial"] for row in rows]


def test_the_table_of_a_running_tuning_is_what_is_there_so_far() -> None:
    keep_run(finished=False)
    exported("csv", "tune", "-o", "tune.csv")
    assert 4 == len(Path("tune.csv").read_text().splitlines())


def test_a_file_that_is_there_stays_unless_it_is_forced(refusal: OneLine) -> None:
    keep_run()
    Path("tune.csv").write_text("mine")
    rule = "must not be there already (--force replaces it), got 'tune.csv'"
    assert f"--output: {rule}" == refusal("csv", "tune", "-o", "tune.csv")
    assert "mine" == Path("tune.csv").read_text()
    exported("csv", "tune", "-o", "tune.csv", "--force")
    assert "mine" != Path("tune.csv").read_text()


def test_a_place_that_cannot_be_written_is_one_line(refusal: OneLine) -> None:
    keep_run()
    expected = "nowhere/tune.csv cannot be written: No such file or directory"
    assert expected == refusal("csv", "tune", "-o", "nowhere/tune.csv")


def test_a_tuning_that_is_nowhere_is_one_line(refusal: OneLine) -> None:
    rule = "must be a folder in which `deploytune run` keeps trials of tune"
    assert f"--state: {rule}, got 'state'" == refusal("csv", "tune", "--state", "state")
