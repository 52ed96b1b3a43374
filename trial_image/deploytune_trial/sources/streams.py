"""Opens a URL for reading: object stores through obstore, everything else through fsspec.

obstore is one wheel without dependencies for S3, Google and Azure; it takes credentials from the
variables that their own tools take (AWS_..., GOOGLE_..., AZURE_...). fsspec takes options of any
of its file systems from variables too: FSSPEC_HTTPS='{"headers": {"Authorization": "..."}}'.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

CHUNK_BYTES = 4 * 2**20

_OBJECT_STORES = frozenset({"s3", "s3a", "gs", "gcs", "az", "azure", "adl", "abfs", "abfss"})
_WEB = frozenset({"http", "https"})
_CONNECT_SECONDS = 30.0
_RETRIES: Any = {"max_retries": 4, "retry_timeout": timedelta(seconds=20)}


@dataclass(frozen=True)
class Stream:
    """The bytes of a URL in chunks, and how many there are as far as the other side says.

    A web server may say another number: what it packs for the way is unpacked here.
    """

    size_bytes: int | None
    chunks: Iterator[Any]


@contextmanager
def open_stream(url: str) -> Iterator[Stream]:
    """Open a URL; whatever the library that reads it raises passes as it is."""
    if scheme_of(url) in _OBJECT_STORES:
        yield _from_object_store(url)
        return
    with _from_fsspec(url) as stream:
        yield stream


def scheme_of(url: str) -> str:
    """Return what stands before the first colon."""
    return url.partition(":")[0]


def _from_object_store(url: str) -> Stream:
    import obstore
    from obstore.store import from_url

    scheme, _, place = url.partition("://")
    bucket, _, key = place.partition("/")
    if not bucket or not key:
        raise FileNotFoundError(url)
    got = obstore.get(from_url(f"{scheme}://{bucket}", retry_config=_RETRIES), key)
    return Stream(got.meta["size"], iter(got.stream(min_chunk_size=CHUNK_BYTES)))


@contextmanager
def _from_fsspec(url: str) -> Iterator[Stream]:
    import fsspec

    _serve_chains()
    if "http" in url:
        _set_web_defaults(fsspec.config.conf)
    system, path = fsspec.core.url_to_fs(url)
    # Without blocks the body is one answer, which every web server can give.
    options = {"block_size": 0} if scheme_of(url) in _WEB else {}
    with system.open(path, "rb", **options) as file:
        size = system.info(path).get("size")
        yield Stream(size, iter(lambda: file.read(CHUNK_BYTES), b""))


def _set_web_defaults(options: dict[str, Any]) -> None:
    """Say how web servers are asked; a tuning's own options go before.

    Behind a proxy the usual variables say so. aiohttp would end a download after five minutes;
    here a stall and the stage's deadline do.
    """
    try:
        from aiohttp import ClientTimeout
    except ImportError:
        return  # fsspec says what it lacks
    defaults = {
        "trust_env": True,
        "timeout": ClientTimeout(total=None, sock_connect=_CONNECT_SECONDS),
    }
    options.setdefault("http", {}).setdefault("client_kwargs", {})
    for scheme in _WEB:
        given = options.get(scheme, {}).get("client_kwargs")
        if given is not None:
            given.update({**defaults, **given})


def _serve_chains() -> None:
    """Let fsspec read archives in object stores, where obstore is there to do it."""
    try:
        from obstore.fsspec import register
    except ImportError:
        return
    register(sorted(_OBJECT_STORES - {"gcs"}))
