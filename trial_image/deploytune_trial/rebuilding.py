"""A repository that is built again from a request: for whoever serves what a tuning has found.

Its stages are those of the trial, up to a Triton that is ready, so what is left is known to load.
Nobody reads a report of it: its stages and why it ended go to standard error, a line each, and the
exit code says whether the repository is there.
"""

from __future__ import annotations

import sys

from deploytune.contract.report import Breadcrumb, TrialReport

NOT_BUILT = 2


class SpokenWord:
    """Says on standard error what a trial writes for its operator."""

    def write_breadcrumb(self, breadcrumb: Breadcrumb) -> None:
        """Say which stage begins."""
        sys.stderr.write(f"{breadcrumb.stage}\n")

    def write_report(self, report: TrialReport) -> int:
        """Say why there is no repository."""
        verdict = "/".join(filter(None, (report.outcome, report.cause)))
        sys.stderr.write(f"{verdict} in {report.stage}: {report.message}\n")
        return NOT_BUILT
