"""A registry of one image behind a password: what a wrong pull secret is refused by."""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import IO, TYPE_CHECKING, Any

from clusters.ports import LOOPBACK

if TYPE_CHECKING:
    from _typeshed import SupportsWrite

USER, PASSWORD = "tests", "right"
_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
_CONFIG = "application/vnd.docker.container.image.v1+json"
_LAYER = "application/vnd.docker.image.rootfs.diff.tar"
_CHUNK_BYTES = 2**20


@dataclass(frozen=True)
class Registry:
    """Where a registry listens, and the name of its one image."""

    host: str

    @property
    def image(self) -> str:
        """What a Pod names the image by."""
        return f"{self.host}/trial:1"

    def pull_secret(self, name: str, password: str) -> dict[str, Any]:
        """Return a Secret with which the image is asked for."""
        token = base64.b64encode(f"{USER}:{password}".encode()).decode()
        return {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": name},
            "type": "kubernetes.io/dockerconfigjson",
            "stringData": {
                ".dockerconfigjson": json.dumps({"auths": {self.host: {"auth": token}}})
            },
        }


@contextmanager
def a_registry(archive: Path) -> Iterator[Registry]:
    """Serve the image of an archive on a loopback port."""
    image = _ArchivedImage(archive)
    server = ThreadingHTTPServer((LOOPBACK, 0), partial(_Handler, image))
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield Registry(f"{LOOPBACK}:{server.server_port}")
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _ArchivedImage:
    """The manifest and the blobs of an archive, as a registry knows them."""

    def __init__(self, archive: Path) -> None:
        self._archive = archive
        with tarfile.open(archive) as files:
            [index] = json.load(_opened(files, "manifest.json"))
            self._members = {
                _digest(_opened(files, name)): (name, files.getmember(name).size)
                for name in (index["Config"], *index["Layers"])
            }
        config, *layers = self._members
        manifest = {
            "schemaVersion": 2,
            "mediaType": _MANIFEST,
            "config": self._descriptor(config, _CONFIG),
            "layers": [self._descriptor(layer, _LAYER) for layer in layers],
        }
        self.manifest = json.dumps(manifest).encode()

    def size_of(self, digest: str) -> int | None:
        """Return the size of a blob, None if there is none of that digest."""
        found = self._members.get(digest)
        return None if found is None else found[1]

    def copy(self, digest: str, target: SupportsWrite[bytes]) -> None:
        """Write a blob."""
        with tarfile.open(self._archive) as files:
            shutil.copyfileobj(_opened(files, self._members[digest][0]), target, _CHUNK_BYTES)

    def _descriptor(self, digest: str, media_type: str) -> Mapping[str, Any]:
        return {"mediaType": media_type, "size": self._members[digest][1], "digest": digest}


class _Handler(BaseHTTPRequestHandler):
    """Answers what a container runtime asks for a pull, once it has said the password."""

    protocol_version = "HTTP/1.1"

    def __init__(self, image: _ArchivedImage, *arguments: Any) -> None:
        self._image = image
        super().__init__(*arguments)

    def do_GET(self) -> None:
        """Answer with a manifest or a blob."""
        *_, kind, digest = self.path.split("/")
        if self.headers.get("Authorization") != f"Basic {_token(PASSWORD)}":
            self._head(HTTPStatus.UNAUTHORIZED, 0, {"WWW-Authenticate": 'Basic realm="tests"'})
        elif kind == "manifests":
            self._answer_manifest()
        elif (size := self._image.size_of(digest)) is not None:
            self._head(HTTPStatus.OK, size, {})
            if self.command != "HEAD":
                self._image.copy(digest, self.wfile)
        else:
            self._head(HTTPStatus.NOT_FOUND, 0, {})

    def do_HEAD(self) -> None:
        """Answer with a head alone."""
        self.do_GET()

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def _answer_manifest(self) -> None:
        body = self._image.manifest
        digest = f"sha256:{hashlib.sha256(body).hexdigest()}"
        named = {"Content-Type": _MANIFEST, "Docker-Content-Digest": digest}
        self._head(HTTPStatus.OK, len(body), named)
        if self.command != "HEAD":
            self.wfile.write(body)

    def _head(self, status: HTTPStatus, size: int, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(size), **headers}.items():
            self.send_header(name, value)
        self.end_headers()


def _token(password: str) -> str:
    return base64.b64encode(f"{USER}:{password}".encode()).decode()


def _opened(files: tarfile.TarFile, name: str) -> IO[bytes]:
    member = files.extractfile(name)
    assert member is not None, f"{name} is in the archive"
    return member


def _digest(content: IO[bytes]) -> str:
    hashed = hashlib.sha256()
    while chunk := content.read(_CHUNK_BYTES):
        hashed.update(chunk)
    return f"sha256:{hashed.hexdigest()}"
