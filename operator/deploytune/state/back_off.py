"""Pauses that double with every failure in a row, up to a longest."""

from __future__ import annotations

_DOUBLINGS = 30  # beyond any longest pause, and no float overflows


def doubled_seconds(first_seconds: float, failures: int, longest_seconds: float) -> float:
    """Return the pause after so many failures in a row, at least one."""
    return min(longest_seconds, first_seconds * 2.0 ** min(failures - 1, _DOUBLINGS))
