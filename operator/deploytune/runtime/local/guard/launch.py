"""The start of a trial: fork, bind, exec. The guard has one thread, so code after fork is safe."""

from __future__ import annotations

import os
import resource
import signal
from pathlib import Path

from deploytune.runtime.local.guard.control_groups import ControlGroup
from deploytune.runtime.local.guard.orders import LOG_FILE, Orders
from deploytune.runtime.local.guard.processes import die_with_parent

CANNOT_START = 127
"""Exit code of a shell whose command is not there, and ours; the log says why."""

_KILLED_FIRST = "500"  # when the machine itself runs out of memory: the trial, not its guard


def start_trial(orders: Orders, attempt: Path, groups: list[ControlGroup]) -> int:
    """Start the trial in a session, a log and the control groups of its own; return its pid."""
    guard = os.getpid()
    pid = os.fork()
    if pid == 0:
        try:
            _become_trial(orders, attempt, groups, guard)
        except BaseException as error:  # noqa: BLE001 - nothing may return into the guard's code
            os.write(2, f"deploytune: cannot start the trial: {error}\n".encode())
        finally:
            os._exit(CANNOT_START)
    return pid


def _become_trial(orders: Orders, attempt: Path, groups: list[ControlGroup], guard: int) -> None:
    log = os.open(attempt / LOG_FILE, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
    null = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
    for target, source in ((0, null), (1, log), (2, log)):
        os.dup2(source, target)
    os.setsid()
    die_with_parent()
    if os.getppid() != guard:
        os._exit(CANNOT_START)
    for group in groups:
        group.add_this_process()
    Path("/proc/self/oom_score_adj").write_text(_KILLED_FIRST)
    # A core dump would land beside the user's tuning.
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    for number in (signal.SIGPIPE, signal.SIGXFSZ):  # ignored by Python, and that is inherited
        signal.signal(number, signal.SIG_DFL)
    os.chdir(orders.working_directory)
    os.execvp(orders.command[0], orders.command)  # noqa: S606 - the command is a list from the run
