"""How much of a log is kept: whatever a model prints, it does not fill a disk.

Who writes a log opens it to append, so that it goes on at the new end after the file was cut.
"""

from __future__ import annotations

import os
from pathlib import Path

LONGEST_LOG_BYTES = 16 * 2**20
"""A log longer than this is cut to its end."""

KEPT_LOG_BYTES = 2**16
"""How much of its end is kept then."""


def bound_log(path: Path, longest: int = LONGEST_LOG_BYTES, kept: int = KEPT_LOG_BYTES) -> None:
    """Cut a log that has grown too long to its last bytes; what else is wrong with it is let be."""
    try:
        size = path.stat().st_size
        if size > longest:
            _cut(path, size - kept, kept)
    except OSError:  # not there yet, or gone already
        return


def _cut(path: Path, left_out: int, kept: int) -> None:
    """Write the end over the beginning, then drop the rest: what is appended meanwhile goes too.

    Were it emptied first, what a writer appends then would come before the line that says so.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        end = os.pread(descriptor, kept, left_out)
        shortened = f"[{left_out} bytes are left out]\n".encode() + end
        os.pwrite(descriptor, shortened, 0)
        os.ftruncate(descriptor, len(shortened))
    finally:
        os.close(descriptor)
