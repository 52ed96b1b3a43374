"""A trial whose outcome is a pure function of its parameters, for tests of what runs trials.

`kind` says what it does; `size` and `level` go into its metrics. It honours the trial contract: a
breadcrumb first, a report last, exit code 0. It is also what a user's own trial program looks like.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import NoReturn

from deploytune.contract.codec import decode_request, encode_breadcrumb, encode_report
from deploytune.contract.outcomes import Cause, OutcomeKind
from deploytune.contract.report import Breadcrumb, Measurement, TrialReport
from deploytune.contract.request import (
    REPOSITORY_VARIABLE,
    REQUEST_VARIABLE,
    SCRATCH_VARIABLE,
    SHARED_MEMORY_PREFIX_VARIABLE,
    TERMINATION_LOG_VARIABLE,
    TrialRequest,
)
from deploytune.contract.stages import Stage

MIB = 2**20
FOREVER_SECONDS = 600.0

_GREEDY_CHILD = "import sys, time; b = bytearray(int(sys.argv[1])); time.sleep(600)"
_DAEMON = "import os, time; os.fork() and os._exit(0); os.setsid(); time.sleep(600)"
_STUBBORN = "import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(600)"


def main() -> None:
    """Do what the request's parameters say."""
    _heed_sigterm()
    request = decode_request(os.environ[REQUEST_VARIABLE])
    _say(encode_breadcrumb(Breadcrumb(stage=Stage.BUILD)))
    Path(os.environ[SCRATCH_VARIABLE], "artefact").write_bytes(b"x" * 1000)
    _DEEDS[str(request.parameters.get("kind", "measure"))](request)
    _report(request)


def _heed_sigterm() -> None:
    """End at SIGTERM in a container too, whose first process has no default action for it."""
    if os.getpid() == 1:
        signal.signal(signal.SIGTERM, lambda number, _frame: os._exit(128 + number))


def _measure(_request: TrialRequest) -> None:
    """Nothing but the report."""


def _slow(_request: TrialRequest) -> None:
    time.sleep(0.2)


def _crash(_request: TrialRequest) -> NoReturn:
    os.kill(os.getpid(), signal.SIGSEGV)
    raise AssertionError


def _hang(_request: TrialRequest) -> None:
    time.sleep(FOREVER_SECONDS)


def _hang_at_first(request: TrialRequest) -> None:
    """The first attempt hangs, the others measure."""
    if request.attempt == 0:
        _hang(request)


def _ignore_sigterm(_request: TrialRequest) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    time.sleep(FOREVER_SECONDS)


def _allocate(_request: TrialRequest) -> None:
    _hold = bytearray(256 * MIB)
    time.sleep(FOREVER_SECONDS)


def _child_allocates(request: TrialRequest) -> None:
    """A child dies of memory, and this process reports success all the same."""
    child = subprocess.Popen([sys.executable, "-I", "-S", "-c", _GREEDY_CHILD, str(256 * MIB)])
    child.wait()
    _report(request)


def _daemonise(_request: TrialRequest) -> None:
    """Leave a child, a double-forked daemon, one that ignores SIGTERM, and shared memory."""
    for program in (_DAEMON, _STUBBORN):
        subprocess.Popen([sys.executable, "-I", "-S", "-c", program], start_new_session=True)
    name = f"{os.environ[SHARED_MEMORY_PREFIX_VARIABLE]}left"
    Path("/dev/shm", name).write_bytes(b"left")


def _watchdog(request: TrialRequest) -> None:
    """Report what a trial's own watchdog does."""
    message = "stage Measure took longer than its 600 s"
    _end(request, OutcomeKind.TIMED_OUT, Cause.STAGE_DEADLINE, message, stage=Stage.MEASURE)


def _build_failed(request: TrialRequest) -> None:
    message = "no implementation of the operator"
    os.write(1, f"building: {message}\n".encode())
    _end(request, OutcomeKind.CRASHED, Cause.BUILD_FAILED, message, stage=Stage.BUILD)


def _misconfigured(request: TrialRequest) -> None:
    _end(request, OutcomeKind.MISCONFIGURED, Cause.BAD_PARAMETER, "no such thing")


def _flaky(request: TrialRequest) -> None:
    """Its device fails the first time."""
    if request.attempt == 0:
        _end(request, OutcomeKind.INFRASTRUCTURE, Cause.HARDWARE_FAULT, "the device failed")
    _report(request)


def _silent(_request: TrialRequest) -> NoReturn:
    sys.exit(0)


def _kill_guard(_request: TrialRequest) -> None:
    os.kill(os.getppid(), signal.SIGKILL)
    time.sleep(FOREVER_SECONDS)


_DEEDS = {
    "measure": _measure,
    "slow": _slow,
    "crash": _crash,
    "hang": _hang,
    "hang-at-first": _hang_at_first,
    "ignore-sigterm": _ignore_sigterm,
    "allocate": _allocate,
    "child-allocates": _child_allocates,
    "daemonise": _daemonise,
    "watchdog": _watchdog,
    "build-failed": _build_failed,
    "misconfigured": _misconfigured,
    "flaky": _flaky,
    "silent": _silent,
    "kill-guard": _kill_guard,
}


def _report(request: TrialRequest) -> NoReturn:
    size, level = (int(request.parameters.get(name, 1)) for name in ("size", "level"))
    values = {
        "throughput@full": 100.0 * size + level,
        "server_memory_mib": 50.0 * size + 3.0 * level,
    }
    missed = [limit for limit in request.limits if not limit.is_met_by(values[limit.metric])]
    repository = os.environ.get(REPOSITORY_VARIABLE)
    if repository is not None:
        Path(repository).mkdir()
        Path(repository, "config.pbtxt").write_text(f"# {request.trial}\n")
    if missed:
        _end(request, OutcomeKind.INFEASIBLE, Cause.LIMIT_MISSED, missed[0].metric, values)
    _end(request, OutcomeKind.FEASIBLE, None, "", values)


def _end(
    request: TrialRequest,
    outcome: OutcomeKind,
    cause: Cause | None,
    message: str,
    values: dict[str, float] | None = None,
    stage: Stage = Stage.REPORT,
) -> NoReturn:
    report = TrialReport(
        trial=request.trial,
        index=request.index,
        attempt=request.attempt,
        outcome=outcome,
        cause=cause,
        message=message,
        stage=stage,
        metrics={key: Measurement(value=value) for key, value in (values or {}).items()},
    )
    _say(encode_report(report))
    os._exit(0)


def _say(message: bytes) -> None:
    path = Path(os.environ[TERMINATION_LOG_VARIABLE])
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o644)
    os.pwrite(descriptor, message.ljust(os.fstat(descriptor).st_size), 0)
    os.ftruncate(descriptor, len(message))
    os.fsync(descriptor)
    os.close(descriptor)


if __name__ == "__main__":
    main()
