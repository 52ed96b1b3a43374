"""The search for the highest rate at which a server keeps up and its limits hold, by bisection.

A guess comes first. From a rate that is sustained the next is twice as high, from one that is not
it is half as high, a few times at most, until both kinds are known; then the middle, on a log
scale, until they are within 5 %. A server that misses a limit while it idles misses it at any rate.
An obviously sustained or hopeless rate costs a few requests, as any measurement does.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from deploytune_trial.measure.windows import Figure

CLOSE = 0.05
"""How far the lowest rate that is not sustained may lie above the highest that is."""

MOST_PROBES = 10

IDLE_IN_FLIGHT = 0.1
"""Below so many requests in flight on average, requests do not wait for each other."""

_UP, _DOWN = 2.0, 0.5
_MOST_HALVINGS = 6


@dataclass
class RateSearch:
    """Bisects rates up to `highest`, from `guess`; rates are requests per second."""

    highest: float
    guess: float
    sustained: float | None = None
    refused: float | None = None
    probes: int = field(default=0, init=False)
    misses_when_idle: bool = field(default=False, init=False)

    def next_rate(self) -> float | None:
        """Return the rate to probe next, None when enough is known."""
        if self.probes >= MOST_PROBES or self.sustained == self.highest:
            return None
        if self.sustained is not None and self.refused is not None:
            is_close = self.refused <= self.sustained * (1 + CLOSE)
            return None if is_close else math.sqrt(self.sustained * self.refused)
        if self.sustained is not None:
            return min(self.highest, self.sustained * _UP)
        if self.refused is not None:
            is_over = self.misses_when_idle or self.probes > _MOST_HALVINGS
            return None if is_over else self.refused * _DOWN
        return min(self.highest, self.guess)

    @property
    def is_open(self) -> bool:
        """Whether the probes were spent before a rate was refused."""
        return self.refused is None and self.sustained != self.highest

    def tell(self, rate: float, *, is_sustained: bool, is_idle: bool = False) -> None:
        """Take in what a probe showed; `is_idle` if it missed a limit though nothing waited."""
        self.probes += 1
        if is_sustained:
            self.sustained = rate
        else:
            self.refused = rate
            self.misses_when_idle = is_idle

    def figure(self) -> Figure:
        """Return the highest rate that is sustained, 0 if none was; the next refused bounds it."""
        value = self.sustained or 0.0
        return Figure(value, None if self.refused is None else self.refused - value)
