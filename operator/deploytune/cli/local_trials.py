"""How trials run on this machine, as the command line asks: the options, and whether they can."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from deploytune.contract.errors import MachineError
from deploytune.contract.request import PORTS_VARIABLE

if TYPE_CHECKING:
    from deploytune.api.tuning import DeploymentTuning
    from deploytune.runtime.local.trial_environment import LocalOptions


def add_ports_argument(parser: argparse.ArgumentParser) -> None:
    """Add the ports of trials."""
    parser.add_argument(
        "--ports", metavar="FIRST-LAST", help="ports that Triton may use; default: any free"
    )


def add_cache_arguments(parser: argparse.ArgumentParser) -> None:
    """Add where trials keep builds for each other."""
    group = parser.add_mutually_exclusive_group()
    group.add_argument(
        "--artefact-cache",
        type=Path,
        metavar="DIR",
        help="where trials keep builds for each other, also those of other tunings; default: DIR "
        "of --state with -artefacts appended",
    )
    group.add_argument(
        "--no-artefact-cache", action="store_true", help="let every trial build for itself"
    )


def with_cache(
    chosen: LocalOptions, tuning: DeploymentTuning, options: argparse.Namespace, default: Path
) -> LocalOptions:
    """Return the options with the artefact cache that the command line and the tuning ask for."""
    from deploytune.api.artefact_cache import size_limit_bytes

    if options.no_artefact_cache:
        return chosen
    return replace(
        chosen,
        artefact_cache=options.artefact_cache or default,
        artefact_cache_bytes=size_limit_bytes(tuning.spec.trial.artefact_cache),
    )


def local_options(options: argparse.Namespace, parallel: int | None = None) -> LocalOptions:
    """Return how the trials of the tuning file of the command line run."""
    from deploytune.runtime.local.trial_environment import LocalOptions

    chosen = LocalOptions(
        working_directory=options.tuning.parent,
        parallel_trials=parallel,
        ports=options.ports,
    )
    if options.trial_command is None:
        return chosen
    return replace(chosen, trial_command=tuple(options.trial_command))


def check_stock_trial_runs(ports: str | None) -> None:
    """Ask the trial runtime whether it can serve here: Triton, its Python backend, free ports.

    Raises:
        MachineError: it cannot; says why.
    """
    variables = dict(os.environ) if ports is None else {**os.environ, PORTS_VARIABLE: ports}
    checked = subprocess.run(
        [sys.executable, "-m", "deploytune_trial", "--check"],
        env=variables,
        capture_output=True,
        text=True,
        check=False,
    )
    if checked.returncode != 0:
        lines = checked.stderr.strip().splitlines()
        raise MachineError(lines[-1] if lines else "the trial runtime cannot start")
