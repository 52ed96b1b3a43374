"""What holds for every test: the same examples always, on any machine, and Ctrl-C works."""

from __future__ import annotations

import signal

from hypothesis import settings

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell starts what runs in its background so, and what tests start would inherit it.
    signal.signal(signal.SIGINT, signal.default_int_handler)

settings.register_profile("deploytune", deadline=None, derandomize=True)
settings.load_profile("deploytune")
