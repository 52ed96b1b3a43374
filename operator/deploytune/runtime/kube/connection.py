"""The way to the API server: a kubeconfig, or the service account of the Pod we run in."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from kubernetes.aio.client import ApiClient, Configuration
from kubernetes.aio.config import ConfigException, load_incluster_config, load_kube_config
from yaml import YAMLError

from deploytune import __version__
from deploytune.contract.errors import MachineError
from deploytune.runtime.kube.api_server import ApiServer, RequestObserver
from deploytune.runtime.kube.patience import Patience
from deploytune.state.pods.labels import MANAGER

_IN_CLUSTER = "KUBERNETES_SERVICE_HOST"


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
    async with ApiClient(configuration) as client:
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
    try:
        if kubeconfig is None and context is None and _IN_CLUSTER in os.environ:
            load_incluster_config(client_configuration=configuration)
        else:
            path = None if kubeconfig is None else str(kubeconfig)
            await load_kube_config(path, context, client_configuration=configuration)
    except (ConfigException, OSError, YAMLError) as error:
        raise MachineError(f"no access to a cluster: {error}") from error
    return configuration
