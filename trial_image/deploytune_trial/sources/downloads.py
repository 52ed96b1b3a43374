"""Downloads one file: digested on its way, never beyond the free disk, its progress readable."""

from __future__ import annotations

import hashlib
import shutil
import threading
import time
from pathlib import Path

from deploytune_trial.failures import TrialFailure, bad_workload
from deploytune_trial.sources.refusals import why_not_fetched
from deploytune_trial.sources.streams import open_stream

SPARED_BYTES = 256 * 2**20
"""What a download leaves free on its disk, for the build and the logs."""

_MIB = 2**20


class Progress:
    """How much has come, and when the last of it did; written by one thread, read by another."""

    def __init__(self) -> None:
        """Begin with nothing, now."""
        self._lock = threading.Lock()
        self._bytes = 0
        self._moved_at = time.monotonic()

    def add(self, count: int) -> None:
        """Note that so many bytes have come."""
        with self._lock:
            self._bytes += count
            self._moved_at = time.monotonic()

    @property
    def mib(self) -> float:
        """How much has come."""
        return self._bytes / _MIB

    def idle_seconds(self) -> float:
        """Return the seconds since anything came."""
        with self._lock:
            return time.monotonic() - self._moved_at


def download(field: str, url: str, target: Path, progress: Progress) -> str:
    """Write what a URL holds to `target` and return its SHA-256.

    Raises:
        TrialFailure: Misconfigured or Infrastructure, naming the field and the URL.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        return _stream(field, url, target, progress)
    except TrialFailure:
        raise
    except Exception as error:
        raise why_not_fetched(field, url, error) from error


def _stream(field: str, url: str, target: Path, progress: Progress) -> str:
    room = shutil.disk_usage(target.parent).free - SPARED_BYTES
    digest, written = hashlib.sha256(), 0
    with open_stream(url) as stream, target.open("wb") as file:
        _check_room(field, stream.size_bytes or 0, room)
        for chunk in stream.chunks:
            written += len(chunk)
            _check_room(field, written, room)
            file.write(chunk)
            digest.update(chunk)
            progress.add(len(chunk))
    return digest.hexdigest()


def _check_room(field: str, needed: int, room: int) -> None:
    if needed > room:
        rule = f"must fit on the trial's disk, which has {max(room, 0) / _MIB:.0f} MiB to spare"
        raise bad_workload(field, rule, f"{needed / _MIB:.0f} MiB")
