"""The termination log: the one place where a trial says how far it came and how it ended.

It is overwritten in place, never replaced: the kubelet mounts this very file. The new message is
padded with spaces to the length of the old one and written in one call, so whoever reads in between
finds valid JSON, and it is on the disk before anything else happens. The first report is the last
word: nothing overwrites it.
"""

from __future__ import annotations

import os
import threading
from pathlib import Path

from deploytune.contract.codec import encode_breadcrumb, encode_report
from deploytune.contract.exit_codes import TrialExit
from deploytune.contract.report import Breadcrumb, TrialReport


class TerminationLog:
    """Writes breadcrumbs and the report."""

    def __init__(self, path: Path) -> None:
        """Write to `path`, which need not exist yet."""
        self._path = path
        self._lock = threading.Lock()
        self._is_final = False

    def write_breadcrumb(self, breadcrumb: Breadcrumb) -> None:
        """Say which stage begins, unless a report stands."""
        self._write(encode_breadcrumb(breadcrumb), is_final=False)

    def write_report(self, report: TrialReport) -> TrialExit:
        """Say how the trial ended, unless a report stands, and return the exit code of that."""
        self._write(encode_report(report), is_final=True)
        return TrialExit.REPORTED

    def _write(self, message: bytes, *, is_final: bool) -> None:
        with self._lock:
            if not self._is_final:
                self._overwrite(message)
                self._is_final = is_final

    def _overwrite(self, message: bytes) -> None:
        descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            os.pwrite(descriptor, message.ljust(os.fstat(descriptor).st_size), 0)
            os.ftruncate(descriptor, len(message))
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
