"""A tuning file, read and held against every rule that needs no trial, and its state's place."""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path

from deploytune.api.tuning import DeploymentTuning
from deploytune.contract.errors import InvalidTuningError

_STATE_HOME = ".deploytune"


def default_state(folder: Path, tuning: str) -> Path:
    """Return where the trials of a tuning are kept whose file is in that folder."""
    return folder / _STATE_HOME / tuning


def add_tuning_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the tuning file, and the program that runs its trials."""
    parser.add_argument("tuning", type=Path, metavar="TUNING.yaml")
    parser.add_argument(
        "--trial-command",
        type=shlex.split,
        metavar="COMMAND",
        help="your own program that honours the trial contract, instead of the stock trial",
    )


def read_tuning(options: argparse.Namespace) -> DeploymentTuning:
    """Return the tuning of the command line.

    Raises:
        InvalidTuningError: the file, one of its fields or a file it names breaks a rule.
    """
    from deploytune.api.rules import check_stock_trial
    from deploytune.runtime.local.workload_files import check_workload_files

    tuning = read_for_any_trial(options.tuning)
    if options.trial_command is None:
        check_stock_trial(tuning)
        check_workload_files(tuning, options.tuning.parent)
    return tuning


def read_for_any_trial(path: Path) -> DeploymentTuning:
    """Return a file's tuning, held against the rules for every trial program alone.

    Raises:
        InvalidTuningError: the file or one of its fields breaks a rule.
    """
    from deploytune.api.reading import parse_tuning
    from deploytune.api.rules import check_tuning

    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidTuningError(str(path), f"must be a readable file: {error}") from error
    tuning = parse_tuning(text, str(path))
    check_tuning(tuning)
    return tuning


def searched(tuning: DeploymentTuning, options: argparse.Namespace) -> DeploymentTuning:
    """Return the tuning as it is searched: without what the stock trial, if it is that, refuses."""
    from deploytune.api.stock_combinations import without_refused

    return tuning if options.trial_command else without_refused(tuning)
