"""kopf's login: by the same kubeconfig or service account as all other calls."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import kopf
from kubernetes.aio.client import Configuration

ReadConfiguration = Callable[[], Awaitable[Configuration]]
"""Reads the way to the API server afresh; called again when the credentials were refused."""


def add_login(registry: kopf.OperatorRegistry, read: ReadConfiguration) -> None:
    """Have the watches log in by a configuration of the client."""

    @kopf.on.login(registry=registry)
    async def login(**_: Any) -> kopf.ConnectionInfo:
        return await _connection_info(await read())


async def _connection_info(configuration: Configuration) -> kopf.ConnectionInfo:
    authorization = await configuration.get_api_key_with_prefix("BearerToken") or ""
    scheme, _, token = authorization.partition(" ")
    return kopf.ConnectionInfo(
        server=configuration.host,
        ca_path=configuration.ssl_ca_cert,
        insecure=not configuration.verify_ssl,
        certificate_path=configuration.cert_file,
        private_key_path=configuration.key_file,
        scheme=scheme or None,
        token=token or None,
        username=configuration.username or None,
        password=configuration.password or None,
        proxy_url=configuration.proxy,
    )
