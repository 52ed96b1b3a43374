from __future__ import annotations

import subprocess
import sys
import threading

import pytest

from deploytune.contract.outcomes import Cause
from deploytune.contract.request import StageDeadlines
from deploytune.contract.stages import Stage
from deploytune_trial.stages import Expiry, StageLog
from deploytune_trial.watchdog import watch_deadlines

STUCK_IN_NATIVE_CODE = """
import hashlib, os
from deploytune_trial.watchdog import listen_for_signals
listen_for_signals(lambda number: os._exit(number))
print("listening", flush=True)
hashlib.pbkdf2_hmac("sha256", b"", b"", 10**9)
"""


IGNORED_BY_A_FUNCTION = """
import os, signal
from deploytune_trial.watchdog import heeding_signals, listen_for_signals
listen_for_signals(lambda number: os._exit(number))
make = heeding_signals(lambda: signal.signal(signal.SIGTERM, signal.SIG_IGN))
make()
print("listening", flush=True)
while True:
    signal.pause()
"""


def test_a_deadline_that_passes_is_called_out() -> None:
    clock = threading.Event()
    expiries = []
    called = threading.Event()

    def when_expired(expiry: Expiry) -> None:
        expiries.append(expiry)
        called.set()

    log = StageLog(
        lambda _: None,
        StageDeadlines(load=5.0),
        60.0,
        started=0.0,
        clock=lambda: 5.0 if clock.is_set() else 0.0,
    )
    watch_deadlines(log, when_expired)
    clock.set()

    assert called.wait(10)
    assert expiries == [Expiry(Cause.STAGE_DEADLINE, Stage.LOAD, 5.0)]


@pytest.mark.parametrize(
    "code",
    [
        pytest.param(STUCK_IN_NATIVE_CODE, id="while the main thread is in native code"),
        pytest.param(IGNORED_BY_A_FUNCTION, id="after a function has ignored it"),
    ],
)
def test_a_signal_is_heard(code: str) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "listening\n"
        process.terminate()

        assert process.wait(10) == 15
