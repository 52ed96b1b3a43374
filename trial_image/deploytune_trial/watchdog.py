"""The threads that work while a trial's main thread is busy; two of them can end it.

The watchdog sees deadlines pass. The signal listener reads the pipe into which the interpreter's C
handler puts each signal's number at once, even while the main thread is inside native code and
would not run a Python handler for minutes. The third keeps logs short.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from functools import wraps
from typing import Any

from deploytune_trial.stages import Expiry, StageLog

_LONGEST_PAUSE_SECONDS = 0.2

ENDING_SIGNALS = (signal.SIGTERM, signal.SIGINT)


def watch_deadlines(stages: StageLog, when_expired: Callable[[Expiry], None]) -> None:
    """Call `when_expired` once, from a thread, when a deadline has passed."""

    def watch() -> None:
        pause = threading.Event()
        while (expiry := stages.expiry()) is None:
            pause.wait(max(0.0, min(stages.seconds_left(), _LONGEST_PAUSE_SECONDS)))
        when_expired(expiry)

    threading.Thread(target=watch, name="watchdog", daemon=True).start()


def bound_logs_meanwhile(bound_logs: Callable[[], None]) -> None:
    """Call `bound_logs` again and again, from a thread."""

    def keep() -> None:
        pause = threading.Event()
        while not pause.wait(_LONGEST_PAUSE_SECONDS):
            bound_logs()

    threading.Thread(target=keep, name="logs", daemon=True).start()


def heed_signals() -> None:
    """Have the ending signals reach the listener, also after somebody's code has ignored them."""
    for ending in ENDING_SIGNALS:
        signal.signal(ending, lambda _number, _frame: None)


def heeding_signals(function: Callable[[], Any]) -> Callable[[], Any]:
    """Return a function of somebody's that may change signals, and then has them heeded again."""

    @wraps(function)
    def call() -> Any:
        try:
            return function()
        finally:
            heed_signals()

    return call


def listen_for_signals(when_signalled: Callable[[signal.Signals], None]) -> None:
    """Call `when_signalled` once, from a thread, at the first SIGTERM or SIGINT."""
    readable, writable = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
    os.set_blocking(readable, True)

    def listen() -> None:
        number = os.read(readable, 1)[0]
        when_signalled(signal.Signals(number))

    heed_signals()
    signal.set_wakeup_fd(writable, warn_on_full_buffer=False)
    threading.Thread(target=listen, name="signals", daemon=True).start()
