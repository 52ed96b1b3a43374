"""The stages of a trial, in the order in which they run."""

from __future__ import annotations

from enum import StrEnum


class Stage(StrEnum):
    """Where a trial is, or how far it came: load -> build -> serve -> ... -> report."""

    LOAD = "Load"
    BUILD = "Build"
    SERVE = "Serve"
    WARM_UP = "WarmUp"
    VERIFY = "Verify"
    MEASURE = "Measure"
    REPORT = "Report"
