"""The winner as an InferenceService of KServe, for `kubectl apply`."""

from __future__ import annotations

import argparse
import re

from deploytune.cli.exit_codes import ExitCode
from deploytune.cli.exports.outputs import add_file_arguments, put_text
from deploytune.cli.exports.winners import (
    add_object_arguments,
    add_replicas_argument,
    add_winner_arguments,
    as_yaml,
    recorded_winner,
)

_URI = re.compile(r"[a-z][a-z0-9+.-]*://\S+")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this format's arguments."""
    add_file_arguments(parser)
    add_winner_arguments(parser)
    add_object_arguments(parser)
    add_replicas_argument(parser)
    parser.add_argument(
        "--storage-uri",
        required=True,
        type=_storage_uri,
        metavar="URI",
        help="where you have put the repository, such as pvc://CLAIM/TUNING or s3://BUCKET/FOLDER",
    )
    parser.add_argument(
        "--service-account", metavar="NAME", help="with the credentials that the URI needs"
    )


def execute(options: argparse.Namespace) -> ExitCode:
    """Write the object."""
    from deploytune.report.handover.inference_services import inference_service_of
    from deploytune.report.handover.serving_pods import served

    _, winner = recorded_winner(options)
    described = inference_service_of(
        served(winner, options.name, options.image, None),
        options.storage_uri,
        options.service_account,
        options.replicas,
    )
    put_text(as_yaml(described), options)
    return ExitCode.ANSWER


def _storage_uri(text: str) -> str:
    if not _URI.fullmatch(text):
        raise argparse.ArgumentTypeError(f"must be a URI such as s3://BUCKET/FOLDER, got {text!r}")
    return text
