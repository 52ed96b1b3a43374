"""Check a tuning and the files it names, and start nothing."""

from __future__ import annotations

import argparse

from deploytune.cli.exit_codes import ExitCode
from deploytune.cli.tuning_files import add_tuning_arguments, read_tuning, searched


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's arguments."""
    add_tuning_arguments(parser)


def execute(options: argparse.Namespace) -> ExitCode:
    """Read the tuning, say what it would do."""
    from deploytune.api.translate import problem_of

    tuning = read_tuning(options)
    size = problem_of(searched(tuning, options).spec).space.size
    space = "an infinite space" if size is None else f"{size} configurations"
    print(
        f"{tuning.metadata.name} is valid: {space}, {tuning.spec.budget.max_trials} trials by "
        f"{tuning.spec.algorithm.name} and {tuning.spec.budget.confirmations} confirmations"
    )
    return ExitCode.ANSWER
