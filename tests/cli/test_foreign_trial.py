"""A trial program in another language, which knows nothing of deploytune but its contract."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest
from clusters.places import REPOSITORY
from clusters.programs import compile_go
from local_builders import wait_until

from deploytune.cli import main
from deploytune.contract.codec import MAX_MESSAGE_BYTES, decode_message
from deploytune.contract.exit_codes import TrialExit
from deploytune.contract.outcomes import Cause, OutcomeKind
from deploytune.contract.report import TrialReport
from deploytune.contract.request import REQUEST_VARIABLE, TERMINATION_LOG_VARIABLE

EXAMPLE = REPOSITORY / "operator" / "examples" / "foreign-trial"
REQUEST = json.loads(
    Path(__file__).parents[1].joinpath("contract/golden/request.json").read_bytes()
)


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which("go") is None:
        pytest.skip("no Go to compile the example with")
    compiled = tmp_path_factory.mktemp("foreign") / "foreign-trial"
    compile_go(EXAMPLE / "main.go", compiled)
    return compiled


def test_a_tuning_of_it_finds_its_answer_on_one_machine(program: Path, tmp_path: Path) -> None:
    state = tmp_path / "state"
    tuning = str(EXAMPLE / "tuning.yaml")

    assert 0 == main(["run", tuning, "--state", str(state), "--trial-command", str(program)])

    status = json.loads((state / "status.json").read_bytes())
    assert {"Feasible": 3, "Infeasible": 1} == status["outcomes"]
    assert 1 == status["best"]["confirmations"]
    assert status["best"]["parameters"]["blockKib"] < 65536


def test_what_it_writes_is_a_report_of_this_version(program: Path, tmp_path: Path) -> None:
    run = started(program, tmp_path, parameters={"blockKib": 1}, limits=[])

    assert TrialExit.REPORTED == run.wait(30)
    report = last_word(tmp_path)
    assert (OutcomeKind.FEASIBLE, None) == (report.outcome, report.cause)
    assert (REQUEST["trial"], REQUEST["index"], REQUEST["attempt"]) == (
        report.trial,
        report.index,
        report.attempt,
    )


def test_it_reports_an_interruption(program: Path, tmp_path: Path) -> None:
    run = started(program, tmp_path, parameters={"blockKib": 1 << 18})  # half a second and more
    wait_until((tmp_path / "log").exists, "its first word")
    run.send_signal(signal.SIGTERM)

    assert TrialExit.REPORTED == run.wait(30)
    report = last_word(tmp_path)
    assert (OutcomeKind.INFRASTRUCTURE, Cause.INTERRUPTED) == (report.outcome, report.cause)


def test_it_heeds_the_deadline_of_its_run(program: Path, tmp_path: Path) -> None:
    run = started(program, tmp_path, parameters={"blockKib": 1}, runDeadlineSeconds=0.01)

    assert TrialExit.REPORTED == run.wait(30)
    assert (OutcomeKind.TIMED_OUT, Cause.RUN_DEADLINE) == (
        last_word(tmp_path).outcome,
        last_word(tmp_path).cause,
    )


@pytest.mark.parametrize("changes", [{"version": 3}, {"parameters": {}}])
def test_a_request_that_it_does_not_understand_is_none(
    program: Path, tmp_path: Path, changes: dict[str, Any]
) -> None:
    assert TrialExit.NO_REQUEST == started(program, tmp_path, **changes).wait(30)
    assert not (tmp_path / "log").exists()


def started(program: Path, folder: Path, **changes: Any) -> subprocess.Popen[bytes]:
    variables = {
        **os.environ,
        REQUEST_VARIABLE: json.dumps({**REQUEST, **changes}),
        TERMINATION_LOG_VARIABLE: str(folder / "log"),
    }
    return subprocess.Popen([program], env=variables)


def last_word(folder: Path) -> TrialReport:
    message = (folder / "log").read_bytes()
    assert len(message) <= MAX_MESSAGE_BYTES
    report = decode_message(message)
    assert isinstance(report, TrialReport)
    return report
