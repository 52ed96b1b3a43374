"""The names under which the operator's metrics are scraped."""

from __future__ import annotations

from deploytune.handlers.telemetry import Telemetry

_SUFFIXES = ("", "_total", "_bucket", "_count", "_sum")


def exposed_names() -> set[str]:
    """Return every metric with every suffix that its kind might have."""
    families = Telemetry().metrics.registry.collect()
    return {family.name + suffix for family in families for suffix in _SUFFIXES}
