"""The results file of a recording: JSON lines, what was asked first, then one a trial that ended.

It is only ever appended to. A last line that was cut short by a kill is dropped, and its trial is
played again. A recording goes on only where it was begun: the same question, the same machine, the
same versions.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

from deploytune.bench.recording.circumstances import Circumstances
from deploytune.bench.recording.rounds import Measured, Role
from deploytune.contract.errors import InvalidTuningError, MachineError
from deploytune.contract.models import Scalar
from deploytune.contract.outcomes import Cause, OutcomeKind
from deploytune.contract.stages import Stage
from deploytune.search.history import Parameters

_Content = TypeVar("_Content")


@dataclass(frozen=True)
class Heading:
    """What was asked, and where: `question` is the part of a tuning's spec that trials see."""

    question: Mapping[str, Any]
    anchor: Parameters
    seed: int
    circumstances: Circumstances


@dataclass(frozen=True)
class Line(Measured):
    """One trial that ended.

    `seconds` are those of the trial itself, waiting for other tunings' measurements left out.
    `ended` is when it ended, in seconds since the epoch.
    """

    cause: Cause | None
    stage: Stage | None
    seconds: float
    ended: float
    facts: Mapping[str, Scalar]


class Results:
    """An opened results file."""

    def __init__(self, file: Path, heading: Heading, lines: Sequence[Line]) -> None:
        """Use a file that holds these lines; see `open`."""
        self.heading = heading
        self.lines = list(lines)
        self._file = file

    @classmethod
    def open(cls, file: Path, heading: Heading) -> Results:
        """Begin a file, or take over one that was begun with the same heading.

        Raises:
            MachineError: it cannot be read or written.
            InvalidTuningError: it was begun with another question, or somewhere else.
        """
        try:
            if file.exists():
                _drop_cut_line(file)
            if not file.exists() or not file.stat().st_size:
                file.parent.mkdir(parents=True, exist_ok=True)
                _append(file, asdict(heading))
        except OSError as error:
            raise MachineError(f"{file}: cannot be written: {error}") from error
        held = read_results(file)
        difference = _first_difference(held.heading, heading)
        if difference is not None:
            rule = f"must be gone on with as it was begun: {difference} differs"
            raise InvalidTuningError("results", rule, str(file))
        return held

    def append(self, line: Line) -> None:
        """Put a trial on record.

        Raises:
            MachineError: the file cannot be written.
        """
        try:
            _append(self._file, asdict(line))
        except OSError as error:
            raise MachineError(f"{self._file}: cannot be written: {error}") from error
        self.lines.append(line)


def read_results(file: Path) -> Results:
    """Return a results file that must be there.

    Raises:
        MachineError: it cannot be read, or is no results file; names file and line.
    """
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise MachineError(f"{file}: cannot be read: {error}") from error
    rows = text.rpartition("\n")[0].split("\n")
    heading = _read(file, 1, rows[0], _heading)
    lines = [_read(file, number, row, _line) for number, row in enumerate(rows[1:], 2)]
    return Results(file, heading, lines)


def _append(file: Path, fields: Mapping[str, Any]) -> None:
    with file.open("a", encoding="utf-8") as stream:
        stream.write(json.dumps(fields, separators=(",", ":")) + "\n")
        stream.flush()
        os.fsync(stream.fileno())


def _drop_cut_line(file: Path) -> None:
    whole, mark, cut = file.read_bytes().rpartition(b"\n")
    if cut:
        file.write_bytes(whole + mark)


def _first_difference(held: Heading, asked: Heading) -> str | None:
    old, new = json.loads(json.dumps(asdict(held))), json.loads(json.dumps(asdict(asked)))
    for name in ("question", "circumstances"):
        for field in {**old[name], **new[name]}:
            if old[name].get(field) != new[name].get(field):
                return f"{name}.{field}"
    return next((name for name in ("anchor", "seed") if old[name] != new[name]), None)


def _read(
    file: Path, number: int, row: str, build: Callable[[dict[str, Any]], _Content]
) -> _Content:
    try:
        return build(json.loads(row))
    except (ValueError, TypeError, KeyError) as error:
        raise MachineError(f"{file}, line {number}: is not of a recording") from error


def _heading(fields: dict[str, Any]) -> Heading:
    return Heading(**{**fields, "circumstances": Circumstances(**fields["circumstances"])})


def _line(fields: dict[str, Any]) -> Line:
    cause, stage = fields["cause"], fields["stage"]
    known = {
        "role": Role(fields["role"]),
        "outcome": OutcomeKind(fields["outcome"]),
        "cause": None if cause is None else Cause(cause),
        "stage": None if stage is None else Stage(stage),
    }
    return Line(**{**fields, **known})
