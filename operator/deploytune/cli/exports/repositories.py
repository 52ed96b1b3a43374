"""The winner as a Triton model repository: in a folder, an archive, or a volume of a cluster."""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

from deploytune.cli.exit_codes import ExitCode
from deploytune.cli.exports.outputs import add_folder_arguments, put_folder, put_text
from deploytune.cli.exports.winners import (
    add_object_arguments,
    add_winner_arguments,
    as_yaml,
    recorded_winner,
    served_winner,
)
from deploytune.contract.errors import InvalidTuningError, MachineError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this format's arguments."""
    add_folder_arguments(parser, "TUNING-repository")
    add_winner_arguments(parser)
    volume = parser.add_argument_group(
        "on a volume",
        "Writes a Job, to standard output or --output, which builds the repository there.",
    )
    volume.add_argument("--claim", metavar="NAME", help="PersistentVolumeClaim of the volume")
    add_object_arguments(volume)


def execute(options: argparse.Namespace) -> ExitCode:
    """Copy the repository that the run has kept, or write the Job that builds it."""
    _check_options(options)
    recorded, winner = recorded_winner(options)
    if options.claim is not None:
        from deploytune.report.handover.deployments import job_of

        put_text(as_yaml(job_of(served_winner(winner, options))), options)
        return ExitCode.ANSWER
    if recorded.run is None:
        rule = "must be given: a cluster keeps no repository, a Job builds it onto a volume"
        raise InvalidTuningError("--claim", rule)
    from deploytune.runtime.local.repositories import kept_repository

    repository = kept_repository(recorded.run, winner.tuning, recorded.trials)
    if repository is None:
        is_early = options.provisional and winner.tuning.spec.budget.confirmations
        why = ": only confirmations leave one" if is_early else ""
        name = winner.trial.metadata.name
        raise MachineError(f"{recorded.run} holds no repository of {name}{why}")
    output: Path = options.output or Path(f"{options.tuning}-repository")

    def fill(folder: Path) -> None:
        shutil.copytree(repository, folder, dirs_exist_ok=True)

    put_folder(fill, output, force=options.force)
    print(f"{winner.trial.metadata.name} in {output}")
    return ExitCode.ANSWER


def _check_options(options: argparse.Namespace) -> None:
    """Refuse what only a Job has where none is asked for."""
    for option, given in (("--name", options.name), ("--image", options.image)):
        if given is not None and options.claim is None:
            raise InvalidTuningError(option, "may be given with --claim only", given)
