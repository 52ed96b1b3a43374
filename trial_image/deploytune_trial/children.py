"""The processes a trial starts: each in a group of its own, ended whole, gone with the trial."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from deploytune.contract.bounded_logs import bound_log
from deploytune.contract.outcomes import Cause, OutcomeKind
from deploytune_trial.failures import TrialFailure, failure_in_words
from deploytune_trial.process_tree import kill_tree, wait_until_dead

_LAUNCHER = Path(__file__).with_name("bound_to_parent.py")
_SHELL_SIGNAL_BASE = 128
_LOG_TAIL_LINES = 3
_LOG_TAIL_BYTES = 8192


class Child:
    """A process in its own session and group, its output in a log file.

    It inherits the open file `descriptors` named for it.
    """

    def __init__(
        self,
        command: Sequence[str],
        log: Path,
        environment: Mapping[str, str] | None = None,
        folder: Path | None = None,
        descriptors: Sequence[int] = (),
    ) -> None:
        """Start `command`; the kernel kills it when the thread that starts it ends."""
        self.log = log
        launcher = [sys.executable, "-I", "-S", str(_LAUNCHER), str(os.getpid())]
        log.unlink(missing_ok=True)
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [*launcher, *command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=environment,
                cwd=folder,
                start_new_session=True,
                pass_fds=descriptors,
            )

    @property
    def pid(self) -> int:
        """Its process id, which is its group's id too."""
        return self._process.pid

    def exit_code(self) -> int | None:
        """Return its exit code, negative for a signal; None while it runs."""
        return self._process.poll()

    def wait(self) -> int:
        """Wait for its end and return its exit code."""
        return self._process.wait()

    def end(self) -> None:
        """Kill it with all it has started, collect it, and wait until their memory is free."""
        # Once it is collected its number may be another's.
        members = kill_tree(self.pid) if self.exit_code() is None else []
        with suppress(ProcessLookupError):  # nothing of the group lives
            os.killpg(self.pid, signal.SIGKILL)
        self._process.wait()
        wait_until_dead(members)

    def last_words(self) -> str:
        """Return the last lines of its log as one line."""
        return log_tail(self.log)


class Children:
    """The children of this trial, so that whoever ends it can end them all."""

    def __init__(self) -> None:
        """Begin with none."""
        self._children: list[Child] = []

    def start(
        self,
        command: Sequence[str],
        log: Path,
        environment: Mapping[str, str] | None = None,
        folder: Path | None = None,
        descriptors: Sequence[int] = (),
    ) -> Child:
        """Start a child; call it from a thread that lives as long as the trial."""
        child = Child(command, log, environment, folder, descriptors)
        self._children.append(child)
        return child

    def bound_logs(self) -> None:
        """Cut logs that have grown too long."""
        for child in tuple(self._children):
            bound_log(child.log)

    def end_all(self) -> None:
        """End every child."""
        for child in self._children:
            child.end()


def failure_of_exit(name: str, code: int, cause: Cause, last_words: str) -> TrialFailure:
    """Return the failure that the end of a child is.

    SIGKILL comes from outside: whoever sees the kernel's count of memory kills knows better. Any
    other signal is the child's own crash, a plain exit code what `cause` says.
    """
    number = -code if code < 0 else code - _SHELL_SIGNAL_BASE
    if number == signal.SIGKILL:
        message = f"{name} was killed by SIGKILL from an unknown sender"
        return TrialFailure(OutcomeKind.INFRASTRUCTURE, Cause.UNKNOWN_KILL, message)
    if number in set(signal.Signals):
        ended = f"{name} died of {signal.Signals(number).name}"
        return failure_in_words(Cause.ERROR, f"{ended}: {last_words}")
    return failure_in_words(cause, f"{name} ended with code {code}: {last_words}")


def log_tail(log: Path) -> str:
    """Return the last lines of a log that say something, as one line."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - _LOG_TAIL_BYTES))
            text = file.read().decode(errors="replace")
    except OSError:
        return ""
    lines = (line.strip() for line in text.splitlines())
    return " | ".join(deque((line for line in lines if line.strip("+-| ")), _LOG_TAIL_LINES))
