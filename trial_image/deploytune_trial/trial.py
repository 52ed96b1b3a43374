"""One trial from its first breadcrumb to its report: what it holds, and its one end.

Three may end a trial: the main thread at its last stage, the watchdog at a deadline, the listener
at SIGTERM. The first writes the report, ends every child with its group, removes what it left in
shared memory, and ends the process without asking the others.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import NoReturn, Protocol

from deploytune.contract.exit_codes import TrialExit
from deploytune.contract.outcomes import Cause, OutcomeKind
from deploytune.contract.report import TrialReport
from deploytune.contract.request import TrialRequest
from deploytune_trial.cgroup import ControlGroup
from deploytune_trial.children import Children, log_tail
from deploytune_trial.devices.claims import NO_DEVICES
from deploytune_trial.environment import TrialEnvironment
from deploytune_trial.failures import TrialFailure
from deploytune_trial.process_tree import kill_tree, wait_until_dead
from deploytune_trial.report import Findings, Verdict, build_bare_report, build_report
from deploytune_trial.stages import Expiry, StageLog
from deploytune_trial.triton.shared_memory import unlink_shared_memory

_LOGS = ("triton.log", "build.log")


class LastWord(Protocol):
    """Where a trial says how it ended."""

    def write_report(self, report: TrialReport) -> int:
        """Say it, and return the exit code that goes with it."""


class Trial:
    """What the stages of a trial share."""

    def __init__(
        self,
        request: TrialRequest,
        environment: TrialEnvironment,
        stages: StageLog,
        termination: LastWord,
    ) -> None:
        """Begin with nothing found and no children."""
        self.request = request
        self.environment = environment
        self.stages = stages
        self.termination = termination
        self.findings = Findings()
        self.children = Children()
        self.devices = NO_DEVICES
        self.group = ControlGroup()
        self._oom_kills_before = self.group.oom_kills()
        self._end = threading.Lock()

    def conclude(self, verdict: Verdict) -> NoReturn:
        """Report, clean up and end the process; a second caller waits for the first to do so."""
        self._end_with(lambda: self.termination.write_report(self._report(verdict)))

    def finish(self) -> NoReturn:
        """Clean up and end the process without a word: all that was wanted is there."""
        self._end_with(lambda: TrialExit.REPORTED)

    def _end_with(self, speak: Callable[[], int]) -> NoReturn:
        if not self._end.acquire(blocking=False):
            threading.Event().wait()
        code: int = TrialExit.CANNOT_REPORT
        try:
            code = speak()
        except OSError as error:
            sys.stderr.write(f"the report cannot be written: {error}\n")
        finally:
            self._clean_up()
            os._exit(code)

    def fail(self, failure: TrialFailure) -> NoReturn:
        """End the trial as a failure says, or as memory or a device if that was behind it."""
        if failure.outcome is not OutcomeKind.MISCONFIGURED:
            self._conclude_if_out_of_memory(failure.message)
            self._conclude_if_device_broke(failure)
        self.conclude(Verdict(failure.outcome, failure.cause, failure.message))

    def expire(self, expiry: Expiry) -> NoReturn:
        """End the trial at a deadline."""
        words = self._last_words()
        message = f"{expiry}; last words: {words}" if words else str(expiry)
        self._conclude_if_out_of_memory(message)
        self._conclude_if_device_broke(TrialFailure(OutcomeKind.TIMED_OUT, expiry.cause, message))
        self.conclude(Verdict(OutcomeKind.TIMED_OUT, expiry.cause, message))

    def interrupt(self, number: signal.Signals) -> NoReturn:
        """End the trial because somebody asks for it."""
        message = f"ended by {number.name} in stage {self.stages.stage}"
        self.conclude(Verdict(OutcomeKind.INFRASTRUCTURE, Cause.INTERRUPTED, message))

    def memory_kills(self) -> int:
        """Return how many processes the kernel has killed for memory since the trial began."""
        return self.group.oom_kills() - self._oom_kills_before

    def _report(self, verdict: Verdict) -> TrialReport:
        self.findings.facts.update(self.devices.facts())
        try:
            return build_report(self.request, self.stages, self.findings, verdict)
        except ValueError as error:  # a number that is none, say
            return build_bare_report(self.request, self.stages, str(error))

    def _conclude_if_out_of_memory(self, message: str) -> None:
        kills = self.memory_kills()
        if kills > 0:
            said = f"the kernel killed {kills} of its processes for memory; {message}"
            self.conclude(Verdict(OutcomeKind.CRASHED, Cause.OUT_OF_MEMORY, said))

    def _conclude_if_device_broke(self, failure: TrialFailure) -> None:
        if failure.cause is Cause.HARDWARE_FAULT:
            return
        fault = self.devices.fault_behind()
        if fault is not None:
            said = f"{fault.message}; {failure.message}"
            self.conclude(Verdict(fault.outcome, fault.cause, said))

    def _last_words(self) -> str:
        """Return what the log of the stage's child ends with."""
        tails = (log_tail(self.environment.scratch / log) for log in _LOGS)
        return next(filter(None, tails), "")

    def _clean_up(self) -> None:
        with suppress(OSError):
            self.children.end_all()
            # A model's code runs in this process too, when it is loaded.
            wait_until_dead(kill_tree(os.getpid(), spare_root=True))
        with suppress(OSError):
            unlink_shared_memory(self.environment.shared_memory_prefix)
        if self.environment.owns_scratch:
            shutil.rmtree(self.environment.scratch, ignore_errors=True)
