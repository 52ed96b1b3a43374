"""The way to the API server: a kubeconfig, or the service account of the Pod we run in."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from kubernetes.aio.client import ApiClient, Configuration
from kubernetes.aio.config import (
    KUBE_CONFIG_DEFAULT_LOCATION,
    ConfigException,
    list_kube_config_contexts,
    load_incluster_config,
    load_kube_config,
)
from yaml import YAMLError

from deploytune import __version__
from deploytune.contract.errors import MachineError
from deploytune.runtime.kube.api_server import ApiServer, RequestObserver
from deploytune.runtime.kube.errors import in_one_line
from deploytune.runtime.kube.patience import Patience
from deploytune.state.pods.labels import MANAGER

_IN_CLUSTER = "KUBERNETES_SERVICE_HOST"
_POD_NAMESPACE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
_DEFAULT_NAMESPACE = "default"
_UNUSABLE = (ConfigException, OSError, YAMLError)
_MALFORMED = (AttributeError, KeyError, TypeError, ValueError)
"""What the client stumbles over in a kubeconfig, whose shape it takes for granted."""


@asynccontextmanager
async def connect(
    kubeconfig: Path | None = None,
    context: str | None = None,
    *,
    patience: Patience | None = None,
    observer: RequestObserver | None = None,
) -> AsyncIterator[ApiServer]:
    """Open an API server: by the file and context, else as a Pod, else by the user's own file.

    Nothing is asked of the server yet; tokens that expire are read again in time.

    Raises:
        MachineError: there is no configuration that can be used.
    """
    configuration = await read_configuration(kubeconfig, context)
    with _one_line():
        made = ApiClient(configuration)  # reads the certificates
    async with made as client:
        client.user_agent = f"{MANAGER}/{__version__}"
        yield ApiServer(client, patience=patience, observer=observer)


async def read_configuration(
    kubeconfig: Path | None = None, context: str | None = None
) -> Configuration:
    """Return how the API server is reached: for `connect`, and for another client beside it.

    Raises:
        MachineError: there is no configuration that can be used.
    """
    configuration = Configuration()
    with _one_line():
        if _is_a_pod(kubeconfig, context):
            load_incluster_config(client_configuration=configuration)
        else:
            path = str(kubeconfig or KUBE_CONFIG_DEFAULT_LOCATION)
            _refuse_absent(path)
            await load_kube_config(path, context, client_configuration=configuration)
    return configuration


def namespace_of(kubeconfig: Path | None = None, context: str | None = None) -> str:
    """Return the namespace that is meant where none is named: the Pod's own, or the context's.

    Raises:
        MachineError: there is no configuration that can be used.
    """
    if _is_a_pod(kubeconfig, context):
        return own_namespace()
    with _one_line():
        contexts, current = list_kube_config_contexts(
            str(kubeconfig or KUBE_CONFIG_DEFAULT_LOCATION)
        )
    named = next((one for one in contexts if one["name"] == context), current)
    return str(named["context"].get("namespace") or _DEFAULT_NAMESPACE)


def own_namespace() -> str:
    """Return the namespace of the Pod we run in, `default` if we are none."""
    try:
        return _POD_NAMESPACE.read_text(encoding="utf-8").strip()
    except OSError:
        return _DEFAULT_NAMESPACE


@contextmanager
def _one_line() -> Iterator[None]:
    try:
        yield
    except _UNUSABLE as error:
        raise MachineError(f"no access to a cluster: {in_one_line(str(error))}") from error
    except _MALFORMED as error:
        what = in_one_line(f"the configuration is malformed: {error}")
        raise MachineError(f"no access to a cluster: {what}") from error


def _refuse_absent(paths: str) -> None:
    """Refuse a place, or several as KUBECONFIG lists them, where there is no file."""
    if not any(Path(each).expanduser().exists() for each in paths.split(os.pathsep) if each):
        raise MachineError(f"no access to a cluster: there is no kubeconfig at {paths}")


def _is_a_pod(kubeconfig: Path | None, context: str | None) -> bool:
    """Tell whether the service account of our Pod is the way to the API server."""
    return kubeconfig is None and context is None and _IN_CLUSTER in os.environ
