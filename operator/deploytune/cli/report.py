"""Write a tuning's report: one HTML page with the answer, the plots and all trials."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from deploytune.cli.exit_codes import ExitCode
from deploytune.cli.recorded_tunings import add_place_arguments, recorded_tuning
from deploytune.contract.errors import InvalidTuningError

if TYPE_CHECKING:
    from deploytune.api.recorded import RecordedTuning

REPORT_FILE = "report.html"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's arguments."""
    parser.add_argument("tuning", metavar="TUNING", help="its name, such as digits")
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="FILE",
        default=Path(REPORT_FILE),
        help=f"where the page goes; default: {REPORT_FILE} in this folder",
    )
    add_place_arguments(parser)


def execute(options: argparse.Namespace) -> ExitCode:
    """Find the tuning on record and write what there is to say of it."""
    output: Path = options.output
    _check_place(output)
    write_report(recorded_tuning(options, options.tuning), output)
    print(f"wrote {output}")
    return ExitCode.ANSWER


def write_report(recorded: RecordedTuning, output: Path) -> None:
    """Write the report of a record, whole or not at all.

    Raises:
        InvalidTuningError: there is nothing to report, or the file cannot be written.
        MachineError: a package that it takes is not installed.
    """
    from deploytune.report.html.page import render_report
    from deploytune.runtime.local.atomic_files import write_atomically

    page = render_report(recorded, datetime.now(UTC))
    try:
        write_atomically(output, page.encode())
    except OSError as error:
        raise _unwritable(output, error.strerror) from error


def _check_place(output: Path) -> None:
    """Refuse a place that cannot be written before anything is read."""
    if output.is_dir():
        raise _unwritable(output, "it is a folder")
    if not output.parent.is_dir():
        raise _unwritable(output, f"the folder {output.parent} does not exist")


def _unwritable(output: Path, why: str | None) -> InvalidTuningError:
    return InvalidTuningError(
        "--output", f"must be a file that can be written ({why})", str(output)
    )
