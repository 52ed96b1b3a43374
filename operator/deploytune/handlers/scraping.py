"""The metrics endpoint: what Prometheus scrapes."""

from __future__ import annotations

from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from deploytune.handlers.serving import Answer


def scraping(registry: CollectorRegistry) -> Answer:
    """Return what answers with the metrics of a registry, in the format that is asked for."""

    async def answer(request: web.Request) -> web.Response:
        encode, content_type = choose_encoder(request.headers.get("Accept", ""))
        return web.Response(body=encode(registry), headers={"Content-Type": content_type})

    return answer
