"""Say why a trial was proposed, and how it ended: of a run on this machine, or of a cluster."""

from __future__ import annotations

import argparse
import asyncio
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from deploytune.cli.exit_codes import ExitCode
from deploytune.cli.tuning_files import default_state
from deploytune.contract.errors import DeploytuneError, InvalidTuningError, MachineError

if TYPE_CHECKING:
    from deploytune.api.trial import TuningTrial
    from deploytune.api.tuning import DeploymentTuning
    from deploytune.runtime.local.state_directory import Records

    Recorded = tuple[DeploymentTuning, TuningTrial]

_CALLS = 2  # somebody waits for the answer
_CLUSTER_OPTIONS = ("cluster", "namespace", "kubeconfig", "context")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's arguments."""
    parser.add_argument("trial", metavar="TRIAL", help="its name, TUNING-INDEX, such as digits-7")
    parser.add_argument(
        "--state",
        type=Path,
        metavar="DIR",
        help="where `deploytune run` keeps the trials; default: .deploytune/TUNING in this folder",
    )
    cluster = parser.add_argument_group(
        "in a cluster",
        "Asked where one of these is given, or where the default of --state is not there.",
    )
    cluster.add_argument("--cluster", action="store_true", help="ask the cluster in any case")
    cluster.add_argument("--namespace", metavar="NAME", help="default: the context's own")
    cluster.add_argument("--kubeconfig", type=Path, metavar="FILE", help="default: as kubectl")
    cluster.add_argument("--context", metavar="NAME", help="default: the kubeconfig's own")


def execute(options: argparse.Namespace) -> ExitCode:
    """Find the trial on record and explain it."""
    from deploytune.report.why import explain_trial

    for line in explain_trial(*_recorded(options)):
        print(line)
    return ExitCode.ANSWER


def _recorded(options: argparse.Namespace) -> Recorded:
    from deploytune.api.trial import tuning_of
    from deploytune.runtime.local.state_directory import Records

    tuning = tuning_of(options.trial)
    of_cluster = [name for name in _CLUSTER_OPTIONS if getattr(options, name)]
    if options.state is not None and of_cluster:
        raise InvalidTuningError("--state", f"may not be given together with --{of_cluster[0]}")
    if of_cluster:
        return asyncio.run(_of_cluster(options, tuning))
    records = Records(options.state or default_state(Path(), tuning))
    held = records.tuning()
    if held is not None:
        return held, _of_run(records, options.trial)
    if options.state is not None:
        rule = "must be a folder in which `deploytune run` keeps trials"
        raise InvalidTuningError("--state", rule, str(options.state))
    try:
        return asyncio.run(_of_cluster(options, tuning))
    except DeploytuneError as error:
        raise MachineError(f"{records.path} is not there, and in a cluster: {error}") from error


def _of_run(records: Records, name: str) -> TuningTrial:
    found = records.trial(name)
    if found is None:
        names = [trial.metadata.name for trial in records.trials()]
        known = f"{names[0]} to {names[-1]}" if names else "no trial yet"
        raise InvalidTuningError("TRIAL", f"must be in {records.path} ({known})", name)
    return found


async def _of_cluster(options: argparse.Namespace, tuning: str) -> Recorded:
    if find_spec("kubernetes") is None:
        raise MachineError("the package kubernetes is not installed (extra [operator])")
    from deploytune.runtime.kube.connection import connect, namespace_of
    from deploytune.runtime.kube.patience import Patience
    from deploytune.runtime.kube.recorded import recorded_trial

    patience = Patience(calls=_CALLS)
    async with connect(options.kubeconfig, options.context, patience=patience) as api:
        namespace = options.namespace or namespace_of(options.kubeconfig, options.context)
        return await recorded_trial(api, namespace, tuning, options.trial)
