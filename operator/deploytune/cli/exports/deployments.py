"""The winner as a Deployment and a Service, for `kubectl apply`."""

from __future__ import annotations

import argparse

from deploytune.cli.exit_codes import ExitCode
from deploytune.cli.exports.outputs import add_file_arguments, put_text
from deploytune.cli.exports.winners import (
    add_object_arguments,
    add_replicas_argument,
    add_winner_arguments,
    as_yaml,
    recorded_winner,
    served_winner,
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this format's arguments."""
    add_file_arguments(parser)
    add_winner_arguments(parser)
    add_object_arguments(parser)
    add_replicas_argument(parser)
    parser.add_argument(
        "--claim",
        metavar="NAME",
        help="PersistentVolumeClaim with the repository (`deploytune export triton --claim`); "
        "without it each Pod builds its own",
    )


def execute(options: argparse.Namespace) -> ExitCode:
    """Write the objects."""
    from deploytune.report.handover.deployments import deployment_of, service_of

    _, winner = recorded_winner(options)
    served = served_winner(winner, options)
    put_text(as_yaml(deployment_of(served, options.replicas), service_of(served)), options)
    return ExitCode.ANSWER
