"""The end of a trial's log, as much as explains a failure, and as a terminal may show it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from deploytune.api.trial import AttemptRecord, TuningTrial
from deploytune.contract.outcomes import OutcomeKind

MOST_LINES = 20
MOST_BYTES = 2**14
"""How much of a log's end is read."""

_LONGEST_LINE = 200
_WORKED = (OutcomeKind.FEASIBLE, OutcomeKind.INFEASIBLE)
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\^_])")


@dataclass(frozen=True)
class LogTail:
    """The last lines of a log and where it is; or, without any, why there are none."""

    place: str
    lines: tuple[str, ...] = ()
    why_none: str = "it is empty"


def failed_attempt(trial: TuningTrial) -> AttemptRecord | None:
    """Return the attempt that decided if it failed, so that its log is of interest."""
    last = trial.deciding_attempt
    return None if last is None or last.outcome in _WORKED else last


def log_tail(place: str, text: str) -> LogTail:
    """Return the end of a log's text, each line cut, without what a terminal would obey.

    Of a line that was written over again and again, as progress is, the last writing counts.
    """
    plain = _ESCAPES.sub("", text)
    lines = (line.rstrip("\r").rpartition("\r")[2].rstrip() for line in plain.split("\n"))
    told = [line for line in lines if line]
    return LogTail(place, tuple(map(_cut, told[-MOST_LINES:])))


def _cut(line: str) -> str:
    return line if len(line) <= _LONGEST_LINE else f"{line[: _LONGEST_LINE - 1]}…"
