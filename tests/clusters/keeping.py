"""Makes costly things once per recipe: under a lock, in a folder that appears only when whole."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from clusters.places import kept


def key_of(recipe: Any) -> str:
    """Return a name for all that goes into a thing: a changed recipe has another name."""
    text = json.dumps(recipe, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def made_once(kind: str, recipe: Any, make: Callable[[Path], None]) -> Path:
    """Return the folder that `make` fills, which is called only if no run has made it yet."""
    folder = kept(kind) / key_of(recipe)
    if folder.exists():
        os.utime(folder)  # `forget_all_but` goes by it
        return folder
    with _locked(kept(kind) / f".lock-{folder.name}"):
        if not folder.exists():
            _make_whole(folder, make)
    return folder


def forget_all_but(number: int, kind: str) -> None:
    """Remove what was not among the last used of a kind: every change of a recipe leaves one."""
    folders = [each for each in kept(kind).iterdir() if each.is_dir() and each.name[0] != "."]
    for folder in sorted(folders, key=lambda each: each.stat().st_mtime)[:-number]:
        shutil.rmtree(folder, ignore_errors=True)


def _make_whole(folder: Path, make: Callable[[Path], None]) -> None:
    unfinished = Path(tempfile.mkdtemp(prefix=".making-", dir=folder.parent))
    try:
        make(unfinished)
        unfinished.chmod(0o755)
        unfinished.rename(folder)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold a lock that ends with the process, however it ends."""
    descriptor = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
