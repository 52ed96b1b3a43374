"""The winner as a Deployment and a Service, for `kubectl apply`."""

from __future__ import annotations

import argparse

from deploytune.cli.exit_codes import ExitCode
from deploytune.cli.exports.outputs import add_file_arguments, put_text
from deploytune.cli.exports.winners import (
    add_object_arguments,
    add_winner_arguments,
    as_yaml,
    recorded_winner,
    served_winner,
)

_MOST_REPLICAS = 1000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this format's arguments."""
    add_file_arguments(parser)
    add_winner_arguments(parser)
    add_object_arguments(parser)
    parser.add_argument(
        "--claim",
        metavar="NAME",
        help="PersistentVolumeClaim with the repository (`deploytune export triton --claim`); "
        "without it each Pod builds its own",
    )
    parser.add_argument("--replicas", type=_replicas, default=1, metavar="N", help="default: 1")


def execute(options: argparse.Namespace) -> ExitCode:
    """Write the objects."""
    from deploytune.report.handover.deployments import deployment_of, service_of

    _, winner = recorded_winner(options)
    served = served_winner(winner, options)
    put_text(as_yaml(deployment_of(served, options.replicas), service_of(served)), options)
    return ExitCode.ANSWER


def _replicas(text: str) -> int:
    number = int(text)
    if not 0 <= number <= _MOST_REPLICAS:
        rule = f"must be between 0 and {_MOST_REPLICAS}, got {number}"
        raise argparse.ArgumentTypeError(rule)
    return number
