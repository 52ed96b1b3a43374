"""The results file: JSON lines, one row per run, only ever appended to.

A last line that was cut short by a kill is dropped, and its run is played again.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from deploytune.bench.search.runs import Plan, Row
from deploytune.contract.errors import MachineError

_FLAGS = ("discovered", "feasible", "wasted")


def read_rows(file: Path) -> list[Row]:
    """Return all rows of a results file, none where there is no such file.

    Raises:
        MachineError: it cannot be read, or is no results file; names file and line.
    """
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError) as error:
        raise MachineError(f"{file}: cannot be read: {error}") from error
    whole, mark, _ = text.rpartition("\n")
    if not mark:
        return []
    return [_row(file, number, line) for number, line in enumerate(whole.split("\n"), 1)]


def read_results(file: Path) -> list[Row]:
    """Return the rows of a results file that must be there and hold some.

    Raises:
        MachineError: it is not, or does not.
    """
    rows = read_rows(file)
    if not rows:
        raise MachineError(f"{file}: there are no results in it, or no such file")
    return rows


def append_rows(file: Path, rows: Iterable[Row]) -> int:
    """Append rows as they come and return how many there were.

    Raises:
        MachineError: the file cannot be written.
    """
    count = 0
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        _drop_cut_line(file)
        with file.open("a", encoding="utf-8") as stream:
            for row in rows:
                stream.write(_line(row))
                stream.flush()
                count += 1
    except OSError as error:
        raise MachineError(f"{file}: cannot be written: {error}") from error
    return count


def _drop_cut_line(file: Path) -> None:
    if file.exists():
        whole, mark, cut = file.read_bytes().rpartition(b"\n")
        if cut:
            file.write_bytes(whole + mark)


def _line(row: Row) -> str:
    flags = {name: "".join("01"[one] for one in getattr(row, name)) for name in _FLAGS}
    fields = {**asdict(row.plan), **asdict(row), **flags}
    del fields["plan"]
    if not row.rank:
        del fields["rank"]
    return json.dumps(fields, separators=(",", ":")) + "\n"


def _row(file: Path, number: int, line: str) -> Row:
    try:
        fields: dict[str, Any] = json.loads(line)
        flags = {name: tuple(one == "1" for one in fields[name]) for name in _FLAGS}
        plan = Plan(**{name: fields[name] for name in Plan.__dataclass_fields__})
        return Row(
            plan=plan,
            regret=tuple(fields["regret"]),
            seconds=tuple(fields["seconds"]),
            ask_ms=tuple(fields["ask_ms"]),
            rank=tuple(fields.get("rank", ())),
            **flags,
        )
    except (ValueError, TypeError, KeyError) as error:
        raise MachineError(f"{file}, line {number}: is not a row of results") from error
