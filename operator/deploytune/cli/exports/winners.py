"""What the formats of the winner share: whether it is final, and how it is to be served."""

from __future__ import annotations

import argparse
import re
from typing import TYPE_CHECKING, Any

from deploytune.cli.recorded_tunings import recorded_tuning

if TYPE_CHECKING:
    from deploytune.api.recorded import RecordedTuning
    from deploytune.report.handover.serving_pods import Served
    from deploytune.report.handover.winners import Winner

_MOST_REPLICAS = 1000
_LABEL = re.compile(r"[a-z]([-a-z0-9]{0,48}[a-z0-9])?")


def add_winner_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what to do of a tuning that has not ended."""
    parser.add_argument(
        "--provisional",
        action="store_true",
        help="the best so far of a tuning without an answer, though it was not confirmed",
    )


def add_object_arguments(parser: argparse._ActionsContainer) -> None:
    """Add how the winner is served in a cluster."""
    parser.add_argument(
        "--name", type=_object_name, metavar="NAME", help="of the objects; default: TUNING"
    )
    parser.add_argument(
        "--image", metavar="IMAGE", help="default: the one that the trials ran, by its digest"
    )


def add_replicas_argument(parser: argparse.ArgumentParser) -> None:
    """Add how many Pods serve."""
    parser.add_argument("--replicas", type=_replicas, default=1, metavar="N", help="default: 1")


def recorded_winner(options: argparse.Namespace) -> tuple[RecordedTuning, Winner]:
    """Return the tuning on record, and its winner.

    Raises:
        InvalidTuningError: it has none, or none yet.
    """
    from deploytune.report.handover.winners import winner_of

    recorded = recorded_tuning(options, options.tuning)
    return recorded, winner_of(recorded, provisional=options.provisional)


def served_winner(winner: Winner, options: argparse.Namespace) -> Served:
    """Return the winner as the command line says that it is to be served."""
    from deploytune.report.handover.serving_pods import served

    return served(winner, options.name, options.image, options.claim)


def as_yaml(*manifests: dict[str, Any]) -> str:
    """Return objects as kubectl takes them."""
    import yaml

    return yaml.safe_dump_all(manifests, sort_keys=False, allow_unicode=True, width=120)


def _object_name(text: str) -> str:
    if not _LABEL.fullmatch(text):
        rule = "must be a DNS label of at most 50 characters that begins with a letter"
        raise argparse.ArgumentTypeError(f"{rule}: {text!r}")
    return text


def _replicas(text: str) -> int:
    number = int(text)
    if not 0 <= number <= _MOST_REPLICAS:
        rule = f"must be between 0 and {_MOST_REPLICAS}, got {number}"
        raise argparse.ArgumentTypeError(rule)
    return number
