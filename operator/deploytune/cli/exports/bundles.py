"""A trial as a bundle, from which it can be run again: a folder or an archive."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from deploytune.cli.exit_codes import ExitCode
from deploytune.cli.exports.outputs import add_folder_arguments, put_folder
from deploytune.cli.recorded_tunings import recorded_tuning
from deploytune.contract.errors import MachineError, TrialContractError

if TYPE_CHECKING:
    from deploytune.api.recorded import RecordedTuning
    from deploytune.api.trial import TuningTrial
    from deploytune.contract.request import TrialRequest
    from deploytune.runtime.local.attempt_folders import AttemptFolder


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this format's arguments."""
    add_folder_arguments(parser, "TRIAL-bundle")


def execute(options: argparse.Namespace) -> ExitCode:
    """Write the bundle."""
    from deploytune.api.trial import tuning_of
    from deploytune.report.handover.bundles import RUN_AGAIN, bundle_of

    recorded = recorded_tuning(options, tuning_of(options.trial))
    trial = recorded.trial(options.trial)
    folder = _last_attempt(recorded, trial)
    files = bundle_of(
        recorded.tuning, trial, _request(recorded, trial, folder), _configuration(folder)
    )
    output: Path = options.output or Path(f"{options.trial}-bundle")

    def fill(place: Path) -> None:
        for name, text in files.items():
            (place / name).write_text(text)
        (place / RUN_AGAIN).chmod(0o755)

    put_folder(fill, output, force=options.force)
    print(f"{options.trial} in {output}")
    return ExitCode.ANSWER


def _last_attempt(recorded: RecordedTuning, trial: TuningTrial) -> AttemptFolder | None:
    """Return the folder of a trial's last attempt, None where none is on this machine."""
    if recorded.run is None:
        return None
    from deploytune.runtime.local.attempt_folders import AttemptFolders
    from deploytune.runtime.local.state_directory import Records

    folders = AttemptFolders(Records(recorded.run).attempts, recorded.tuning.metadata.name)
    return next(reversed([*folders.of_trial(trial.spec.index)]), None)


def _request(
    recorded: RecordedTuning, trial: TuningTrial, folder: AttemptFolder | None
) -> TrialRequest:
    """Return the request as the last attempt got it, or as that of a cluster is made."""
    from deploytune.contract.codec import decode_request
    from deploytune.report.handover.winners import pool_of
    from deploytune.state.requests import build_request

    if folder is None or not folder.request_file.exists():
        pool_of(recorded.tuning, trial)
        attempts = trial.status.attempts
        return build_request(recorded.tuning, trial, attempts[-1].attempt if attempts else 0)
    try:
        return decode_request(folder.request_file.read_text())
    except OSError as error:
        raise MachineError(f"{folder.request_file} cannot be read: {error.strerror}") from error
    except (TrialContractError, UnicodeDecodeError) as error:
        raise MachineError(f"{folder.request_file} is damaged: {error}") from error


def _configuration(folder: AttemptFolder | None) -> str | None:
    """Return the `config.pbtxt` of the repository that an attempt has kept."""
    if folder is None:
        return None
    found = sorted(folder.repository.glob("*/config.pbtxt"))
    return found[0].read_text() if found else None
