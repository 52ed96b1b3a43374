"""The exit codes by which a trial speaks when it cannot report; none that shells or signals use."""

from __future__ import annotations

from enum import IntEnum


class TrialExit(IntEnum):
    """What the exit code of a trial says."""

    REPORTED = 0
    """A report was written, whatever its outcome."""

    NO_REQUEST = 64
    """There is no request, or none that this trial understands."""

    CANNOT_REPORT = 74
    """The report cannot be written."""
