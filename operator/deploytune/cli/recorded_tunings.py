"""Where a tuning is on record: a run on this machine, a cluster, or a file that kubectl wrote."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from deploytune.cli.tuning_files import default_state
from deploytune.contract.errors import DeploytuneError, InvalidTuningError, MachineError

if TYPE_CHECKING:
    from deploytune.api.recorded import RecordedTuning
    from deploytune.runtime.kube.api_server import ApiServer

_CALLS = 2  # somebody waits for the answer
_PLACES = ("state", "dump", "cluster", "namespace", "kubeconfig", "context")
_OF_CLUSTER = ("cluster", "namespace", "kubeconfig", "context")


def add_place_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the places where a tuning may be on record."""
    parser.add_argument(
        "--state",
        type=Path,
        metavar="DIR",
        help="where `deploytune run` keeps the trials; default: .deploytune/TUNING in this folder",
    )
    parser.add_argument(
        "--dump",
        type=Path,
        metavar="FILE",
        help="what `kubectl get dtune,ttrial -o yaml` wrote, instead of a cluster",
    )
    cluster = parser.add_argument_group(
        "in a cluster",
        "Asked where one of these is given, or where the default of --state is not there.",
    )
    cluster.add_argument("--cluster", action="store_true", help="ask the cluster in any case")
    add_access_arguments(cluster)


def add_access_arguments(parser: argparse._ActionsContainer) -> None:
    """Add how a cluster is reached."""
    parser.add_argument("--namespace", metavar="NAME", help="default: the context's own")
    parser.add_argument("--kubeconfig", type=Path, metavar="FILE", help="default: as kubectl")
    parser.add_argument("--context", metavar="NAME", help="default: the kubeconfig's own")


def recorded_tuning(options: argparse.Namespace, name: str) -> RecordedTuning:
    """Return the tuning from where the command line says it is on record.

    Raises:
        InvalidTuningError: the command line names two places, or one that holds no such tuning.
        MachineError: it is in no default place, or what is there cannot be read.
        ClusterError: the cluster has it not, refuses it or gives no answer.
    """
    _refuse_two_places(options)
    if any(getattr(options, each) for each in _OF_CLUSTER):
        return asyncio.run(_of_cluster(options, name))
    if options.dump is not None:
        from deploytune.runtime.kube.dumps import recorded_in_dump

        return recorded_in_dump(options.dump, name)
    state: Path = options.state or default_state(Path(), name)
    recorded = recorded_run(state, name)
    if recorded is not None:
        return recorded
    if options.state is not None:
        rule = f"must be a folder in which `deploytune run` keeps trials of {name}"
        raise InvalidTuningError("--state", rule, str(state))
    try:
        return asyncio.run(_of_cluster(options, name))
    except DeploytuneError as error:
        raise MachineError(f"{state} is not there, and in a cluster: {error}") from error


def recorded_run(state: Path, name: str) -> RecordedTuning | None:
    """Return what a state directory has on record of a tuning, None if it is not one of it.

    Raises:
        MachineError: it cannot be read, or is damaged.
    """
    from deploytune.api.recorded import RecordedTuning
    from deploytune.runtime.local.state_directory import Records

    records = Records(state)
    tuning = records.tuning()
    if tuning is None or tuning.metadata.name != name:
        return None
    told = tuning.model_copy(update={"status": records.status()})
    return RecordedTuning(told, records.trials(), str(state), state)


@asynccontextmanager
async def asked_cluster(options: argparse.Namespace) -> AsyncIterator[tuple[ApiServer, str]]:
    """Open the cluster of the command line, and say which namespace is meant.

    Raises:
        MachineError: the package that it takes is not installed, or there is no configuration.
    """
    if find_spec("kubernetes") is None:
        raise MachineError("the package kubernetes is not installed (extra [operator])")
    from deploytune.runtime.kube.connection import connect, namespace_of
    from deploytune.runtime.kube.patience import Patience

    async with connect(options.kubeconfig, options.context, patience=Patience(calls=_CALLS)) as api:
        yield api, options.namespace or namespace_of(options.kubeconfig, options.context)


def _refuse_two_places(options: argparse.Namespace) -> None:
    given = [each for each in _PLACES if getattr(options, each)]
    if len(given) > 1 and not set(given) <= set(_OF_CLUSTER):
        raise InvalidTuningError(f"--{given[0]}", f"may not be given together with --{given[1]}")


async def _of_cluster(options: argparse.Namespace, name: str) -> RecordedTuning:
    async with asked_cluster(options) as (api, namespace):
        from deploytune.runtime.kube.recorded import recorded_in_cluster

        return await recorded_in_cluster(api, namespace, name)
