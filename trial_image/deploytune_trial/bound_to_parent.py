"""Run a command that dies with its parent: `python -I -S bound_to_parent.py PARENT COMMAND...`.

A small program between, instead of code after fork: the parent has threads, and after a fork in a
process with threads almost nothing is safe. It asks the kernel for SIGKILL at the parent's death,
checks that the parent has not died already, and becomes the command. It also offers itself first
when memory runs out, so that the parent lives to report it.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_KILL_ME_FIRST = "500"  # of 1000


def main(parent: int, command: list[str]) -> None:
    """Become `command`, bound to the life of the process `parent`."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit(f"parent {parent} has ended")
    Path("/proc/self/oom_score_adj").write_text(_KILL_ME_FIRST)
    os.execvp(command[0], command)  # noqa: S606 - the command is a list made by the parent


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
