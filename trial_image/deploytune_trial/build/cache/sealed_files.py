"""Files that carry the digest of their content: one that was damaged is none when it is read.

A file is replaced at once, so whoever reads it meanwhile finds the old or the new one whole.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_SEPARATOR = b"\n"


def write_sealed_bytes(path: Path, content: bytes) -> None:
    """Write content so that `read_sealed_bytes` can tell whether it is whole."""
    coming = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        coming.write_bytes(_seal_of(content) + _SEPARATOR + content)
        coming.replace(path)
    finally:
        coming.unlink(missing_ok=True)


def read_sealed_bytes(path: Path) -> bytes | None:
    """Return the content of a file, None where there is none or it is damaged."""
    try:
        seal, _, content = path.read_bytes().partition(_SEPARATOR)
    except OSError:
        return None
    return content if seal == _seal_of(content) else None


def write_sealed(path: Path, values: Mapping[str, Any]) -> None:
    """Write JSON values under a seal."""
    write_sealed_bytes(path, json.dumps(values, sort_keys=True).encode())


def read_sealed(path: Path) -> dict[str, Any] | None:
    """Return the JSON values of a file, None where there is none or it is damaged."""
    content = read_sealed_bytes(path)
    if content is None:
        return None
    values: dict[str, Any] = json.loads(content)
    return values


def _seal_of(content: bytes) -> bytes:
    return hashlib.sha256(content).hexdigest().encode()
