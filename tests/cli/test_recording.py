"""`bench record` over the deterministic trial program: whole recordings, killed, gone on with."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml
from builders import a_tuning
from local_builders import PATIENCE_SECONDS, TRIAL_PROGRAM, left_behind, wait_until

from deploytune.cli import main
from deploytune.cli.exit_codes import ExitCode

SPACE: list[dict[str, Any]] = [
    {"name": "kind", "type": "Categorical", "values": ["measure", "slow", "crash"]},
    {"name": "size", "type": "Integer", "min": 1, "max": 5},
]
ANCHOR = "kind=measure,size=1"


class Recording:
    """A tuning of 15 configurations, its results file, and the command."""

    def __init__(self, folder: Path, **tuning: Any) -> None:
        self.results = folder / "recording.jsonl"
        self.state = folder / "recording.jsonl.trials"
        path = folder / "tuning.yaml"
        document = a_tuning(parameters=SPACE, **tuning)
        path.write_text(
            yaml.safe_dump(document.model_dump(mode="json", by_alias=True, exclude_none=True))
        )
        program = f"{sys.executable} {TRIAL_PROGRAM}"
        given = {"--results": self.results, "--anchor": ANCHOR, "--trial-command": program}
        self.arguments = ["bench", "record", str(path)]
        self.arguments += [str(word) for pair in given.items() for word in pair]

    def lines(self) -> list[dict[str, Any]]:
        """The trials on record."""
        if not self.results.exists():
            return []
        rows = self.results.read_text().splitlines()[1:]
        return [json.loads(row) for row in rows]

    def start(self) -> subprocess.Popen[bytes]:
        """Start it in a process of its own."""
        command = [sys.executable, "-m", "deploytune.cli", *self.arguments]
        paths = os.pathsep.join(sys.path)
        return subprocess.Popen(command, env={**os.environ, "PYTHONPATH": paths})


def values_of(lines: list[dict[str, Any]], role: str) -> Counter[tuple[object, ...]]:
    return Counter(tuple(one["parameters"].values()) for one in lines if one["role"] == role)


def test_every_configuration_is_measured_and_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recording = Recording(tmp_path)
    assert ExitCode.ANSWER == main(recording.arguments)
    lines = recording.lines()
    every = {(kind, size): 1 for kind in ("measure", "slow", "crash") for size in range(1, 6)}
    near = {(kind, 4): 3 for kind in ("measure", "slow")}
    assert {**every, **near} == values_of(lines, "Configuration")
    assert {("measure", 1): 2} == values_of(lines, "Anchor")
    outcomes = Counter((one["parameters"]["kind"], one["outcome"]) for one in lines)
    assert 5 == outcomes["crash", "Crashed"]
    printed = capsys.readouterr().out.splitlines()
    assert len(lines) + 1 == len(printed)
    assert printed[-1].startswith(f"all is measured: {len(lines)} trials in")
    assert not recording.state.exists()


def test_a_finished_recording_plays_nothing_more(tmp_path: Path) -> None:
    recording = Recording(tmp_path)
    main(recording.arguments)
    before = recording.results.read_bytes()
    assert ExitCode.ANSWER == main(recording.arguments)
    assert before == recording.results.read_bytes()


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_stopped_recording_goes_on_and_plays_nothing_twice(
    tmp_path: Path, how: signal.Signals
) -> None:
    recording = Recording(tmp_path)
    run = recording.start()
    wait_until(lambda: len(recording.lines()) > 3, "some trials were played")
    run.send_signal(how)
    assert (-how if how is signal.SIGKILL else ExitCode.INTERRUPTED) == run.wait(PATIENCE_SECONDS)
    stopped = recording.lines()
    assert len(stopped) < 15
    assert ExitCode.ANSWER == main(recording.arguments)
    lines = recording.lines()
    assert stopped == lines[: len(stopped)]
    assert 15 == len(values_of(lines, "Configuration"))
    assert {1, 3} == set(values_of(lines, "Configuration").values())
    assert [] == left_behind(recording.state)


def test_a_recording_does_not_go_on_with_another_question(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(Recording(tmp_path).arguments)
    capsys.readouterr()
    assert ExitCode.BAD_INPUT == main(Recording(tmp_path, memory_max=150.0).arguments)
    (line,) = capsys.readouterr().err.splitlines()
    assert "as it was begun: question.constraints differs" in line


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--anchor", "size"), "anchor: must be NAME=VALUE,..., got 'size'"),
        (("--anchor", "kind=measure,size=9"), "anchor.size: must be less than or equal to 5"),
        (("--anchor", ""), "anchor.kind: must be set"),
        (("--near", "0"), "near: must be greater than 0"),
        (("--repeats", "-1"), "repeats: must be at least 0"),
    ],
)
def test_bad_input_is_one_line_that_names_it(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    options: tuple[str, str],
    message: str,
) -> None:
    recording = Recording(tmp_path)
    assert ExitCode.BAD_INPUT == main([*recording.arguments, *options])
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line
    assert [] == recording.lines()


def test_several_pools_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pools = [{"name": "one"}, {"name": "two"}]
    assert ExitCode.BAD_INPUT == main(Recording(tmp_path, pools=pools).arguments)
    assert "spec.nodePools" in capsys.readouterr().err
