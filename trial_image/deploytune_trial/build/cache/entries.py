"""Kept builds in a folder that any number of trials use at the same time.

    entries/KEY/files/...           the artefact's files
    entries/KEY/entry.json          its settings, the digest of each file, its build's seconds
    entries/KEY/answers-KEY.json    what verifying it has found
    memories/KEY                    what a compiler remembers, for the next build with it
    coming/ID/, going/ID/           an entry that is being written, or removed

An entry is written in a private folder and appears by one rename; of two that come at the same time
the first stays. A reader copies the files into its own folder and checks the digests of the copies:
an entry that is removed meanwhile, or damaged, is none. No hard links: some runtimes write to what
they are served from, such as ONNX Runtime to the timings beside an engine. When the folder grows
over its limit, what has not been used for the longest time goes.
"""

from __future__ import annotations

import os
import shutil
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploytune_trial.build.artefacts import Artefact
from deploytune_trial.build.cache.digests import digest_of_file
from deploytune_trial.build.cache.sealed_files import (
    read_sealed,
    read_sealed_bytes,
    write_sealed,
    write_sealed_bytes,
)
from deploytune_trial.models.interface import ModelInterface

_ENTRY = "entry.json"
_FILES = "files"
_ABANDONED_SECONDS = 3600.0
"""A folder that nobody has written to for so long belongs to a trial that was killed."""


@dataclass(frozen=True)
class KeptBuild:
    """An artefact that was built before, and the seconds its build took."""

    artefact: Artefact
    build_seconds: float


class ArtefactCache:
    """The kept builds under one folder, of at most so many bytes."""

    def __init__(self, root: Path, limit_bytes: int) -> None:
        """Use the folder `root`.

        Raises:
            OSError: it cannot be made or written to.
        """
        self._entries = root / "entries"
        self._memories = root / "memories"
        self._coming = root / "coming"
        self._going = root / "going"
        self._limit_bytes = limit_bytes
        for folder in (self._entries, self._memories, self._coming, self._going):
            folder.mkdir(parents=True, exist_ok=True)
        if not os.access(self._coming, os.W_OK):
            raise PermissionError(f"{root} must be writable")

    def fetch(self, key: str, folder: Path) -> KeptBuild | None:
        """Take an entry's files into `folder`; None where there is none that is whole.

        Raises:
            OSError: `folder` cannot be written to.
        """
        entry = self._entries / key
        if not entry.is_dir():
            return None
        values = read_sealed(entry / _ENTRY)
        files = None if values is None else _taken(entry / _FILES, folder, values["files"])
        if values is None or files is None:
            self._remove(entry)
            return None
        _mark_as_used(entry / _ENTRY)
        artefact = Artefact(
            backend=values["backend"],
            files=files,
            settings=values["settings"],
            interface=ModelInterface.from_json(values["interface"]),
            size_bytes=values["size_bytes"],
            facts=values["facts"],
        )
        return KeptBuild(artefact, values["build_seconds"])

    def keep(self, key: str, build: KeptBuild, parts: Mapping[str, Any]) -> bool:
        """Keep a build, with the parts of its key for whoever looks; False if one was there.

        Raises:
            OSError: it cannot be written.
        """
        artefact = build.artefact
        coming = self._coming / uuid.uuid4().hex
        try:
            (coming / _FILES).mkdir(parents=True)
            for name, path in artefact.files.items():
                _copy(path, coming / _FILES / name)
            files = {name: digest_of_file(coming / _FILES / name) for name in artefact.files}
            write_sealed(
                coming / _ENTRY,
                {
                    "backend": artefact.backend,
                    "files": files,
                    "settings": artefact.settings,
                    "interface": artefact.interface.to_json(),
                    "size_bytes": artefact.size_bytes,
                    "facts": dict(artefact.facts),
                    "build_seconds": build.build_seconds,
                    "key": parts,
                },
            )
            if (self._entries / key).exists():
                return False
            try:
                coming.rename(self._entries / key)
            except OSError:
                if (self._entries / key).is_dir():  # another trial was faster
                    return False
                raise
        finally:
            shutil.rmtree(coming, ignore_errors=True)
        self._make_room()
        return True

    def answers(self, key: str, of: str) -> dict[str, Any] | None:
        """Return what verifying an entry has found, None where nothing is known."""
        return read_sealed(self._entries / key / _answers(of))

    def keep_answers(self, key: str, of: str, values: Mapping[str, Any]) -> None:
        """Keep what verifying an entry has found; one that is gone by now has no answers.

        Raises:
            OSError: it cannot be written.
        """
        with suppress(FileNotFoundError):
            write_sealed(self._entries / key / _answers(of), values)

    def memory(self, key: str) -> bytes | None:
        """Return what a compiler remembers, None where it remembers nothing."""
        _mark_as_used(self._memories / key)
        return read_sealed_bytes(self._memories / key)

    def keep_memory(self, key: str, content: bytes) -> None:
        """Keep what a compiler remembers, instead of what it did before.

        Raises:
            OSError: it cannot be written.
        """
        write_sealed_bytes(self._memories / key, content)
        self._make_room()

    def _make_room(self) -> None:
        """Remove what was not used for the longest time, until all fits; and what was abandoned."""
        unfinished = (*self._coming.iterdir(), *self._going.iterdir(), *self._memories.glob(".*"))
        for left in unfinished:
            if time.time() - _last_change(left) > _ABANDONED_SECONDS:
                _delete(left)
        kept = [(_last_use(path), _bytes_in(path), path) for path in self._everything()]
        surplus = sum(size for _, size, _ in kept) - self._limit_bytes
        for _, size, path in sorted(kept):
            if surplus <= 0:
                return
            self._remove(path)
            surplus -= size

    def _everything(self) -> Iterator[Path]:
        yield from self._entries.iterdir()
        yield from self._memories.glob("[!.]*")

    def _remove(self, path: Path) -> None:
        """Take it out of sight at once, so that nobody finds half of it."""
        going = self._going / uuid.uuid4().hex
        with suppress(FileNotFoundError):  # another trial has removed it
            path.rename(going)
            _delete(going)


def _taken(source: Path, folder: Path, digests: Mapping[str, str]) -> dict[str, Path] | None:
    """Take files into a folder and check them there; None, and none there, if one is not whole."""
    taken: dict[str, Path] = {}
    for name, digest in digests.items():
        taken[name] = folder / name
        try:
            _copy(source / name, folder / name)
        except FileNotFoundError:
            break
        if digest_of_file(folder / name) != digest:
            break
    else:
        return taken
    for path in taken.values():
        path.unlink(missing_ok=True)
    return None


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)


def _answers(of: str) -> str:
    return f"answers-{of}.json"


def _mark_as_used(path: Path) -> None:
    with suppress(OSError):  # removed meanwhile, or not ours to touch
        os.utime(path)


def _last_use(path: Path) -> float:
    return _last_change(path / _ENTRY) if path.is_dir() else _last_change(path)


def _last_change(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def _bytes_in(path: Path) -> int:
    if not path.is_dir():
        return _size(path)
    folders = os.walk(path)  # goes on where something was removed meanwhile
    return sum(_size(Path(folder, name)) for folder, _, names in folders for name in names)


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:
        return 0


def _delete(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
