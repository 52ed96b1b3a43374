"""How long one call may take, and when a call that got no answer is made again."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

Draw = Callable[[], float]
"""Returns a number from 0 to 1."""


@dataclass(frozen=True)
class Patience:
    """Time-outs of a call, and its bounded repetition with growing pauses of random length.

    A server that asks for a longer rest than `longest_rest_seconds` is not waited for: the call
    fails, and whoever made it comes back later.
    """

    connect_seconds: float = 5.0
    call_seconds: float = 15.0
    calls: int = 5
    first_pause_seconds: float = 0.1
    longest_pause_seconds: float = 5.0
    longest_rest_seconds: float = 10.0

    def pause_after(
        self, failed_calls: int, rest_seconds: float | None, draw: Draw = random.random
    ) -> float | None:
        """Return the seconds before the next call, None if there is to be none.

        The pause is a random part of a bound that doubles, so that many callers do not come back
        together; a rest that the server asked for comes on top.
        """
        rest = rest_seconds or 0.0
        if failed_calls >= self.calls or rest > self.longest_rest_seconds:
            return None
        bound = self.first_pause_seconds * 2.0 ** (failed_calls - 1)
        return rest + draw() * min(bound, self.longest_pause_seconds)
