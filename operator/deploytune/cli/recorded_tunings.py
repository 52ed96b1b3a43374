"""Where a tuning is on record: a run on this machine, a cluster, or a file that kubectl wrote.

The command line names the place, or it is the default of `deploytune run`, or else a cluster.
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from deploytune.cli.tuning_files import default_state
from deploytune.contract.errors import DeploytuneError, InvalidTuningError, MachineError

if TYPE_CHECKING:
    from deploytune.api.recorded import RecordedTuning
    from deploytune.runtime.kube.api_server import ApiServer

_Result = TypeVar("_Result")

_CALLS = 2  # somebody waits for the answer
_PLACES = ("state", "dump", "cluster", "namespace", "kubeconfig", "context")
_OF_CLUSTER = ("cluster", "namespace", "kubeconfig", "context")


def add_place_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the places where a tuning may be on record."""
    add_live_place_arguments(parser)
    parser.add_argument(
        "--dump",
        type=Path,
        metavar="FILE",
        help="what `kubectl get dtune,ttrial -o yaml` wrote, instead of a cluster",
    )


def add_live_place_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the places where a tuning may be running."""
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
    if options.dump is not None:
        from deploytune.runtime.kube.dumps import recorded_in_dump

        return recorded_in_dump(options.dump, name)
    state = state_of_run(options, name)
    return in_cluster(options, name, _of_cluster(options, name)) if state is None else of_run(state)


def state_of_run(options: argparse.Namespace, name: str) -> Path | None:
    """Return the state directory that the command line means, None where it means a cluster.

    Raises:
        InvalidTuningError: the command line names two places, or a folder without that tuning.
    """
    _refuse_two_places(options)
    if _names_cluster(options):
        return None
    from deploytune.runtime.local.state_directory import Records

    state: Path = options.state or default_state(Path(), name)
    tuning = Records(state).tuning()
    if tuning is not None and tuning.metadata.name == name:
        return state
    if options.state is not None:
        rule = f"must be a folder in which `deploytune run` keeps trials of {name}"
        raise InvalidTuningError("--state", rule, str(state))
    return None


def of_run(state: Path) -> RecordedTuning:
    """Return the tuning whose state directory this is."""
    from deploytune.api.recorded import RecordedTuning
    from deploytune.runtime.local.state_directory import Records

    records = Records(state)
    tuning = records.tuning()
    if tuning is None:
        raise MachineError(f"{state} is no state directory any more")
    told = tuning.model_copy(update={"status": records.status()})
    return RecordedTuning(told, records.trials(), str(state), state)


def in_cluster(
    options: argparse.Namespace, name: str, asking: Coroutine[object, object, _Result]
) -> _Result:
    """Return what a cluster answers; where none was named, say too that no run is here.

    Raises:
        MachineError: no cluster was named, and it is not there either.
        DeploytuneError: what else the asking raises.
    """
    try:
        return asyncio.run(asking)
    except DeploytuneError as error:
        if _names_cluster(options):
            raise
        state = default_state(Path(), name)
        raise MachineError(f"{state} is not there, and in a cluster: {error}") from error


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


def _names_cluster(options: argparse.Namespace) -> bool:
    return any(getattr(options, each) for each in _OF_CLUSTER)


def _refuse_two_places(options: argparse.Namespace) -> None:
    given = [each for each in _PLACES if getattr(options, each, None)]
    if len(given) > 1 and not set(given) <= set(_OF_CLUSTER):
        raise InvalidTuningError(f"--{given[0]}", f"may not be given together with --{given[1]}")


async def _of_cluster(options: argparse.Namespace, name: str) -> RecordedTuning:
    async with asked_cluster(options) as (api, namespace):
        from deploytune.runtime.kube.recorded import recorded_in_cluster

        return await recorded_in_cluster(api, namespace, name)
