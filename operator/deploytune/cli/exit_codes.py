"""What an exit code says; the package's docstring documents them."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """The exit codes of every command."""

    ANSWER = 0
    BAD_INPUT = 2
    NOTHING_FEASIBLE = 3
    LEASE_LOST = 4
    INTERRUPTED = 130
