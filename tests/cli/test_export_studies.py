"""A study that was exported opens in Optuna, which goes on from it, and in optuna-dashboard."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import optuna
import pytest
from builders import a_finished_trial, a_trial, a_tuning
from handover_builders import a_confirmation, a_status
from trial_processes import eventually

from deploytune.cli import main
from deploytune.cli.exit_codes import ExitCode
from deploytune.contract.outcomes import Cause, OutcomeKind
from deploytune.runtime.local.state_directory import StateDirectory
from deploytune_trial.triton.ports import find_free_ports

SQLITE, JOURNAL = "sqlite:///studies.db", "studies.log"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a run with every kind of trial, far from any cluster."""
    monkeypatch.chdir(tmp_path)
    directory = StateDirectory.open(Path(".deploytune", "tune"), a_tuning())
    best = a_finished_trial(2, throughput=120.0)
    for trial in (
        a_finished_trial(0),
        a_finished_trial(1, OutcomeKind.INFEASIBLE, throughput=500.0, memory=400.0),
        best,
        a_finished_trial(
            3, OutcomeKind.CRASHED, cause=Cause.OUT_OF_MEMORY, throughput=None, memory=None
        ),
        a_finished_trial(4, OutcomeKind.INFRASTRUCTURE, throughput=None, memory=None),
        a_confirmation(5, of=2, throughput=118.0),
        a_trial(6),
    ):
        directory.write_trial(trial)
    directory.write_status(a_status(best))
    directory.close()
    return tmp_path


def exported(*arguments: str) -> int:
    return main(["export", "optuna", "tune", *arguments])


def opened(place: str) -> optuna.Study:
    if "://" in place:
        return optuna.load_study(study_name="tune", storage=place)
    backend = optuna.storages.journal.JournalFileBackend(place)
    return optuna.load_study(study_name="tune", storage=optuna.storages.JournalStorage(backend))


@pytest.fixture
def refusal(capfd: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Asks for an export, and returns the one line with which it is refused."""

    def ask(*arguments: str) -> str:
        capfd.readouterr()
        assert ExitCode.BAD_INPUT == exported(*arguments)
        (line,) = capfd.readouterr().err.splitlines()
        return line.removeprefix("deploytune: ")

    return ask


@pytest.mark.parametrize("place", [SQLITE, JOURNAL])
def test_optuna_opens_it_and_finds_the_same_winner(place: str) -> None:
    assert ExitCode.ANSWER == exported("--storage", place)
    study = opened(place)
    states = [trial.state.name for trial in study.trials]
    assert ["COMPLETE", "COMPLETE", "COMPLETE", "PRUNED", "FAIL"] == states
    assert study.user_attrs["winner"] == study.best_trial.user_attrs["trial"] == "tune-2"


def test_optuna_goes_on_from_it() -> None:
    exported("--storage", SQLITE)
    study = opened(SQLITE)
    study.sampler = optuna.samplers.TPESampler(seed=1, n_startup_trials=1)
    asked = study.ask()
    assert 1 <= asked.suggest_int("size", 1, 6) <= 6
    study.tell(asked, 1.0)
    assert 6 == len(study.trials)


def test_it_is_put_beside_other_studies_of_a_storage(capsys: pytest.CaptureFixture[str]) -> None:
    optuna.create_study(storage=SQLITE, study_name="other")
    exported("--storage", SQLITE)
    expected = f"study tune in {SQLITE}: 5 trials, 1 unfinished trial left out\n"
    assert expected == capsys.readouterr().out
    assert {"other", "tune"} == set(optuna.get_all_study_names(SQLITE))


@pytest.mark.parametrize("place", [SQLITE, JOURNAL])
def test_a_study_of_that_name_is_left_alone(place: str, refusal: Callable[..., str]) -> None:
    exported("--storage", place)
    before = len(opened(place).trials)
    expected = f"--study: must not be in {place} already, got 'tune'"
    assert expected == refusal("--storage", place)
    assert before == len(opened(place).trials)
    assert ExitCode.ANSWER == exported("--storage", place, "--study", "tune-again")


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("studies.txt", "--storage: must be a URL or end in .log, got 'studies.txt'"),
        ("nowhere/studies.log", "No such file or directory"),
        ("sqlite:///nowhere/studies.db", "unable to open database file"),
        ("strange://host/db", "strange"),
        ("sqlite:///", "--storage: must name a file, as in sqlite:///FILE, got 'sqlite:///'"),
        ("sqlite://", "--storage: must name a file"),
        ("sqlite:///:memory:", "--storage: must name a file"),
        ("mysql://host:port/db", "--storage: must be the URL of a database"),
    ],
)
def test_a_storage_that_cannot_be_used_is_one_line(
    place: str, words: str, refusal: Callable[..., str]
) -> None:
    assert words in refusal("--storage", place)


@pytest.mark.parametrize("database", ["strange://me:secret@host/db", "mysql://me:secret@host:x/db"])
def test_a_password_is_not_told(database: str, refusal: Callable[..., str]) -> None:
    assert "secret" not in refusal("--storage", database)


def test_a_file_that_is_no_storage_stays_as_it_is(refusal: Callable[..., str]) -> None:
    Path("studies.db").write_text("mine")
    assert "file is not a database" in refusal("--storage", SQLITE)
    assert "mine" == Path("studies.db").read_text()


@pytest.mark.parametrize("place", [SQLITE, JOURNAL])
def test_what_an_interrupted_export_left_is_no_part_of_the_next(place: str, here: Path) -> None:
    exported("--storage", place)
    name = place.removeprefix("sqlite:///")
    Path(name).rename(f".writing-{name}")
    Path(f".writing-{name}.lock").touch()
    assert ExitCode.ANSWER == exported("--storage", place)
    assert 5 == len(opened(place).trials)
    assert {".deploytune", name} == {path.name for path in here.iterdir()}


def test_a_url_may_name_a_driver_and_its_options(here: Path) -> None:
    place = "sqlite+pysqlite:///studies.db?timeout=5"
    assert ExitCode.ANSWER == exported("--storage", place)
    assert 5 == len(opened(SQLITE).trials)
    assert {".deploytune", "studies.db"} == {path.name for path in here.iterdir()}


def test_nothing_else_is_left(here: Path) -> None:
    exported()
    assert {".deploytune", "tune.log"} == {path.name for path in here.iterdir()}


@pytest.mark.parametrize("place", [SQLITE, JOURNAL])
def test_the_dashboard_shows_the_study_and_its_trials(place: str) -> None:
    exported("--storage", place)
    with a_dashboard(place) as ask:
        (summary,) = ask("/api/studies")["study_summaries"]
        detail = ask(f"/api/studies/{summary['study_id']}?after=0")
    assert "tune" == summary["study_name"]
    assert ["Complete", "Complete", "Complete", "Pruned", "Fail"] == [
        trial["state"] for trial in detail["trials"]
    ]
    assert [[True], [False], [True]] == [
        [all(value <= 0 for value in trial["constraints"])] for trial in detail["trials"][:3]
    ]
    assert ["throughput@full"] == detail["objective_names"]


@contextmanager
def a_dashboard(storage: str) -> Iterator[Callable[[str], Any]]:
    """Starts optuna-dashboard on a loopback port; yields what asks its API."""
    (port,) = find_free_ports(1, None)
    command = [sys.executable, "-c", "from optuna_dashboard._cli import main; main()", storage]
    server = subprocess.Popen(
        [*command, "--host", "127.0.0.1", "--port", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )

    def is_up() -> bool:
        assert server.poll() is None, server.communicate()[1]
        with suppress(OSError):
            ask("/api/studies")
            return True
        return False

    def ask(path: str) -> Any:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}") as answer:
            return json.load(answer)

    try:
        eventually(is_up)
        yield ask
    finally:
        server.terminate()
        server.communicate()
