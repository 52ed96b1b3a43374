"""Writes an image archive, as `docker save` does, from one layer: no image store is needed."""

from __future__ import annotations

import hashlib
import io
import json
import platform
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


def write_archive(archive: Path, reference: str, layer: Path, *, config: Mapping[str, Any]) -> None:
    """Write an image of one layer, a tar file, under a name; `config` is its Entrypoint, Env..."""
    with layer.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()
    document = {
        "architecture": ARCHITECTURES[platform.machine()],
        "os": "linux",
        "config": dict(config),
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}"]},
        "history": [{"created_by": "deploytune tests"}],
    }
    index = [{"Config": "config.json", "RepoTags": [reference], "Layers": ["layer.tar"]}]
    with tarfile.open(archive, "w") as written:
        written.add(layer, "layer.tar")
        _add(written, "config.json", json.dumps(document).encode())
        _add(written, "manifest.json", json.dumps(index).encode())


def write_layer(layer: Path, program: Path, names: Sequence[str]) -> None:
    """Write a layer that holds one program under some names."""
    content = program.read_bytes()
    with tarfile.open(layer, "w") as written:
        for name in names:
            _add(written, name.lstrip("/"), content, mode=0o755)


def _add(archive: tarfile.TarFile, name: str, content: bytes, *, mode: int = 0o644) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(content)
    entry.mode = mode
    archive.addfile(entry, io.BytesIO(content))
