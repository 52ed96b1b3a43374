"""The lock of this machine under which trials warm up and measure, one at a time.

It is a file lock: the kernel releases it when its holder dies, whatever it died of.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from deploytune.contract.errors import MachineError


@contextmanager
def hold_lock(
    path: Path | None, waiting: Callable[[], AbstractContextManager[None]]
) -> Iterator[None]:
    """Hold the lock; the wait for it, if there is any, happens inside `waiting()`.

    Without a path there is nothing to hold.

    Raises:
        MachineError: the lock's file cannot be opened.
    """
    if path is None:
        yield
        return
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    except OSError as error:
        raise MachineError(f"measurement lock {path}: {error.strerror}") from error
    try:
        if not _try_lock(descriptor):
            with waiting():
                fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
