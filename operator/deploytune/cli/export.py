"""Hand over what a tuning found: its trials, or its winner, in a form that others take."""

from __future__ import annotations

import argparse

from deploytune.cli.exit_codes import ExitCode
from deploytune.cli.exports import (
    bundles,
    deployments,
    inference_services,
    repositories,
    studies,
    tables,
)
from deploytune.cli.recorded_tunings import add_place_arguments

_FORMATS = {
    "csv": tables,
    "optuna": studies,
    "triton": repositories,
    "kubernetes": deployments,
    "kserve": inference_services,
    "bundle": bundles,
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the formats, each with its own arguments."""
    formats = parser.add_subparsers(dest="format", required=True, metavar="FORMAT")
    for name, module in _FORMATS.items():
        summary = (module.__doc__ or "").splitlines()[0]
        of_format = formats.add_parser(name, help=summary, description=summary)
        if module is bundles:
            of_format.add_argument("trial", metavar="TRIAL", help="its name, such as digits-7")
        else:
            of_format.add_argument("tuning", metavar="TUNING", help="its name, such as digits")
        module.add_arguments(of_format)
        add_place_arguments(of_format)


def execute(options: argparse.Namespace) -> ExitCode:
    """Export in the format of the command line."""
    code: ExitCode = _FORMATS[options.format].execute(options)
    return code
