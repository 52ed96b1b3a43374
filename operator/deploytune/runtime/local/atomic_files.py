"""Files and folders that are whole or absent, whatever happens while they are written."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path

_TEMPORARY_PREFIX = ".writing-"


def write_atomically(path: Path, content: bytes) -> None:
    """Replace the file in one step: a reader finds the old content or the new, never a part.

    A power cut in between makes no difference.
    """
    temporary = temporary_beside(path)
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise
    make_durable(path.parent)


def replace_folder(folder: Path, target: Path, aside: Path) -> None:
    """Put a folder where another is, which is kept `aside` until then and put back on an error.

    All three are on one file system, and nothing is at `aside`.
    """
    target.rename(aside)
    try:
        folder.rename(target)
    except BaseException:
        aside.rename(target)
        raise
    shutil.rmtree(aside, ignore_errors=True)


def make_durable(folder: Path) -> None:
    """Put a folder's list of names on the disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def temporary_beside(path: Path) -> Path:
    """Return a name for what is to become `path`, in the same folder."""
    return path.with_name(f"{_TEMPORARY_PREFIX}{path.name}")


def is_temporary(path: Path) -> bool:
    """Tell whether a path is what an interrupted writer left."""
    return path.name.startswith(_TEMPORARY_PREFIX)
