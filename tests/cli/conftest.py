"""Whole runs with the deterministic trial program: seconds, and no Triton."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import yaml
from builders import a_tuning
from hanging_runs import Run, start_run

from deploytune.cli import main
from deploytune.cli.exit_codes import ExitCode

PROGRAM = Path(__file__).parents[1] / "trial_programs" / "deterministic.py"


@pytest.fixture
def deterministic_run(tmp_path: Path) -> Callable[..., int]:
    """Runs `deploytune run` over the deterministic trial program and returns its exit code."""

    def run(state: Path, *options: str, **tuning: Any) -> int:
        document = a_tuning(**tuning).model_dump(mode="json", by_alias=True, exclude_none=True)
        path = tmp_path / "deterministic.yaml"
        path.write_text(yaml.safe_dump(document))
        command = f"{sys.executable} {PROGRAM}"
        return main(["run", str(path), "--state", str(state), "--trial-command", command, *options])

    return run


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the tuning, in which everybody works; no cluster is near."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    return tmp_path


@pytest.fixture
def refused(here: Path, capfd: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Gives a command, and returns the one line with which it is refused; nothing is written."""

    def give(*command: str) -> str:
        before = sorted(here.rglob("*"))
        capfd.readouterr()
        code = main(command)
        printed = capfd.readouterr()
        assert ExitCode.BAD_INPUT == code
        assert "" == printed.out
        assert before == sorted(here.rglob("*"))
        (line,) = printed.err.splitlines()
        assert line.startswith("deploytune: ")
        return line

    return give


@pytest.fixture
def start(here: Path) -> Iterator[Callable[[], Run]]:
    """Starts a run of which a trial never ends, and ends it after the test."""
    assert here == Path.cwd()
    with ExitStack() as runs:

        def begin() -> Run:
            run = start_run()
            runs.callback(run.communicate)
            runs.callback(run.terminate)
            return run

        yield begin
