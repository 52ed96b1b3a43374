"""Moments as Kubernetes writes them: RFC 3339, in UTC, with a Z."""

from __future__ import annotations

from datetime import UTC, datetime


def to_timestamp(moment: datetime) -> str:
    """Return the moment as text."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def from_timestamp(text: str) -> datetime:
    """Return the moment that a text names."""
    return datetime.fromisoformat(text)
