"""How an object is deleted: which one is meant, and how it goes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Deletion:
    """Which object is meant, and how it goes; what is None is left to the API server."""

    uid: str | None = None
    resource_version: str | None = None
    propagation: str = "Background"
    grace_seconds: int | None = None

    def to_options(self) -> dict[str, Any]:
        """Return it as DeleteOptions."""
        conditions = {"uid": self.uid, "resourceVersion": self.resource_version}
        options: dict[str, Any] = {
            "preconditions": {key: value for key, value in conditions.items() if value is not None},
            "propagationPolicy": self.propagation,
        }
        if self.grace_seconds is not None:
            options["gracePeriodSeconds"] = self.grace_seconds
        return options
