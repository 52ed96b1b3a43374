"""The key under which a tuning is worked on."""

from __future__ import annotations

from typing import NamedTuple


class TuningKey(NamedTuple):
    """A tuning by its namespace and name."""

    namespace: str
    name: str

    def __str__(self) -> str:
        """Return it as kubectl prints it."""
        return f"{self.namespace}/{self.name}"
