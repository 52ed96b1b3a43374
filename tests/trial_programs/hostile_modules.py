"""Torch modules that misbehave while they are loaded, built or served."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import time

from torch import nn


def build_with_daemons() -> nn.Module:
    """Ignore SIGTERM; leave a process in another session, one in this, and a temporary file."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    subprocess.Popen(["sleep", "600"], start_new_session=True)
    if os.fork() == 0:
        time.sleep(600)
        os._exit(0)
    handle, _ = tempfile.mkstemp(prefix="hostile-")
    os.close(handle)
    return nn.Linear(16, 4)


def build_on_a_full_disk() -> nn.Module:
    """Write without end, beside what else is temporary."""
    with tempfile.TemporaryFile() as file:
        while True:
            file.write(b"x" * 2**20)
