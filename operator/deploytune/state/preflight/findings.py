"""What a preflight finds: how bad it is, which field it is about, and what is the matter."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How bad a finding is, the worst first."""

    FAILS = "fails"
    """As things stand, trials cannot run."""
    WARNING = "warning"
    """Trials run, or may do so later, and not as the tuning asks."""
    UNKNOWN = "unknown"
    """It could not be looked at, or nobody can know before a Pod is there."""


@dataclass(frozen=True)
class Finding:
    """One thing that was found; `pool` is the one it is about, None where it is about all."""

    severity: Severity
    field: str
    message: str
    pool: str | None = None

    def __str__(self) -> str:
        """Return it as one line."""
        return f"{self.severity}: {self.field}: {self.message}"
