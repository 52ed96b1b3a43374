"""Waiting for what a cluster will do: polled, with a deadline, and a reason when it passes."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 1.0
PATIENCE_SECONDS = 60.0


class NotInTimeError(AssertionError):
    """What a test or a fixture waited for did not happen."""


def eventually(
    what: Callable[[], T | None], waited_for: str, *, seconds: float = PATIENCE_SECONDS
) -> T:
    """Ask until the answer is true, and return it.

    Half of the time at least is left to what is waited for: to ask may be to start a kubectl.

    Raises:
        NotInTimeError: It was not within `seconds`; the message says what was waited for.
    """
    asked = time.monotonic()
    until = asked + seconds
    while not (answer := what()):
        if time.monotonic() > until:
            raise NotInTimeError(f"not within {seconds:g} s: {waited_for}")
        time.sleep(min(max(PAUSE_SECONDS, time.monotonic() - asked), LONGEST_PAUSE_SECONDS))
        asked = time.monotonic()
    return answer
