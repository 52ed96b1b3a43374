"""The results file of a recording: appended to, gone on with, refused where it is another's."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from recording_builders import EVERY, a_crash, a_heading, a_line, an_anchor

from deploytune.bench.recording.lines import Heading, Results, read_results
from deploytune.contract.errors import InvalidTuningError, MachineError

LINES = [an_anchor(), a_line(EVERY[1], ended=5.0), a_crash(EVERY[2])]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A results file of three trials."""
    file = tmp_path / "folder" / "recording.jsonl"
    results = Results.open(file, a_heading())
    for line in LINES:
        results.append(line)
    return file


def test_what_was_appended_is_read_back(file: Path) -> None:
    again = Results.open(file, a_heading())
    assert (a_heading(), LINES) == (again.heading, again.lines)
    assert LINES == read_results(file).lines


def test_a_line_cut_short_by_a_kill_is_dropped_and_written_over(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-20])
    again = Results.open(file, a_heading())
    assert LINES[:2] == again.lines
    again.append(LINES[2])
    assert LINES == read_results(file).lines


@pytest.mark.parametrize(
    ("heading", "difference"),
    [
        pytest.param(a_heading(seed=1), "seed", id="another order"),
        pytest.param(a_heading(cores=4), "circumstances.cores", id="another machine"),
        pytest.param(
            replace(a_heading(), question={**a_heading().question, "constraints": []}),
            "question.constraints",
            id="another question",
        ),
    ],
)
def test_a_file_begun_otherwise_is_not_gone_on_with(
    file: Path, heading: Heading, difference: str
) -> None:
    with pytest.raises(InvalidTuningError, match=f"as it was begun: {difference} differs"):
        Results.open(file, heading)
    assert LINES == read_results(file).lines


@pytest.mark.parametrize(
    ("text", "place"),
    [
        pytest.param("", "line 1", id="nothing"),
        pytest.param('{"role": "Anchor"}\n', "line 1", id="no heading"),
        pytest.param(None, "line 2", id="a line of something else"),
    ],
)
def test_a_file_of_something_else_is_named_with_its_line(
    file: Path, text: str | None, place: str
) -> None:
    heading = file.read_text().split("\n")[0]
    file.write_text(f'{heading}\n{{"regret": []}}\n' if text is None else text)
    with pytest.raises(MachineError, match=f"{file}, {place}: is not of a recording"):
        read_results(file)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(MachineError, match=r"none\.jsonl: cannot be read"):
        read_results(tmp_path / "none.jsonl")
