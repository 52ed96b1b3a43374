"""The guards of this run, one a running attempt."""

from __future__ import annotations

import asyncio
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Mapping
from pathlib import Path
from typing import Self

import deploytune
from deploytune.runtime.local.attempt_folders import AttemptFolder
from deploytune.runtime.local.guard.orders import LOG_FILE

_IMPORT_ROOT = str(Path(deploytune.__file__).resolve().parents[1])
_START = (
    f"import sys; sys.path.insert(0, {_IMPORT_ROOT!r}); "
    "from deploytune.runtime.local.guard.supervisor import main; main()"
)
_END_REQUEST = b"e"


class Guard:
    """A guard process: asked to end its trial by a byte, or by losing its run."""

    def __init__(self, folder: AttemptFolder, process: Process) -> None:
        """Keep the guard `process` of the attempt in `folder`; see `start`."""
        self.folder = folder
        self._process = process

    @classmethod
    async def start(cls, folder: AttemptFolder, environment: Mapping[str, str]) -> Self:
        """Start the guard of a new attempt; its trial inherits `environment`."""
        lock = folder.take_lock()
        assert lock is not None, "nobody else knows a new folder"
        try:
            with (folder.path / LOG_FILE).open("ab") as log:
                process = await asyncio.create_subprocess_exec(
                    sys.executable,
                    *("-I", "-S", "-c", _START, str(folder.path), str(lock)),
                    stdin=PIPE,
                    stdout=log,
                    stderr=log,
                    env=environment,
                    # The guard inherits the lock with the open file: at no time is it free.
                    pass_fds=(lock,),
                    start_new_session=True,
                )
        finally:
            os.close(lock)
        return cls(folder, process)

    def request_end(self) -> None:
        """Ask for the end of the trial; its guard says later how it ended."""
        assert self._process.stdin is not None
        self._process.stdin.write(_END_REQUEST)

    def let_go(self) -> None:
        """Close the pipe, as the death of this process would."""
        assert self._process.stdin is not None
        self._process.stdin.close()

    async def wait(self) -> None:
        """Return when the guard has gone: it has cleared up, or it was killed."""
        await self._process.wait()
