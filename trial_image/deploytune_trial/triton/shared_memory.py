"""The shared memory that Triton's Python backend leaves behind when it is killed.

Its regions are named by the trial's prefix and a UUID. Matching the UUID too keeps a trial with
prefix `a` from unlinking the regions of one with prefix `a1`.
"""

from __future__ import annotations

import re
from pathlib import Path

_SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - where POSIX shared memory is on Linux
_UUID_START = r"[0-9a-f]{8}-[0-9a-f]{4}-"


def unlink_shared_memory(prefix: str, folder: Path = _SHARED_MEMORY) -> None:
    """Unlink every region of a prefix."""
    ours = re.compile(re.escape(prefix) + _UUID_START)
    for region in folder.iterdir():
        if ours.match(region.name):
            region.unlink(missing_ok=True)
