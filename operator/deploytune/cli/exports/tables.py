"""The trials as CSV, one row each."""

from __future__ import annotations

import argparse

from deploytune.cli.exit_codes import ExitCode
from deploytune.cli.exports.outputs import add_file_arguments, put_text
from deploytune.cli.recorded_tunings import recorded_tuning


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this format's arguments."""
    add_file_arguments(parser)


def execute(options: argparse.Namespace) -> ExitCode:
    """Write the table."""
    from deploytune.report.handover.tables import trial_table

    put_text(trial_table(recorded_tuning(options, options.tuning)), options)
    return ExitCode.ANSWER
