"""Say why a trial was proposed, and how it ended: of a run on this machine, or of a cluster."""

from __future__ import annotations

import argparse

from deploytune.cli.exit_codes import ExitCode
from deploytune.cli.recorded_tunings import add_place_arguments, recorded_tuning


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's arguments."""
    parser.add_argument("trial", metavar="TRIAL", help="its name, TUNING-INDEX, such as digits-7")
    add_place_arguments(parser)


def execute(options: argparse.Namespace) -> ExitCode:
    """Find the trial on record and explain it."""
    from deploytune.api.trial import tuning_of
    from deploytune.report.why import explain_trial

    recorded = recorded_tuning(options, tuning_of(options.trial))
    for line in explain_trial(recorded.tuning, recorded.trial(options.trial)):
        print(line)
    return ExitCode.ANSWER
