"""The search for the highest rate at which a server keeps up and its limits hold, by bisection.

A guess comes first. From a rate that is sustained the next is half as high again, from one that is
not it is half as high, until both kinds are known; then the middle, on a log scale, until they are
within 5 %. An obviously sustained or hopeless rate costs a few requests, as any measurement does.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from deploytune_trial.measure.windows import Figure

CLOSE = 0.05
"""How far the lowest rate that is not sustained may lie above the highest that is."""

MOST_PROBES = 10

_UP, _DOWN = 1.5, 0.5


@dataclass
class RateSearch:
    """Bisects rates up to `highest`, from `guess`; rates are requests per second."""

    highest: float
    guess: float
    sustained: float | None = None
    refused: float | None = None
    probes: int = field(default=0, init=False)

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
            return self.refused * _DOWN
        return min(self.highest, self.guess)

    def tell(self, rate: float, *, is_sustained: bool) -> None:
        """Take in what a probe showed."""
        self.probes += 1
        if is_sustained:
            self.sustained = rate
        else:
            self.refused = rate

    def figure(self) -> Figure:
        """Return the highest rate that is sustained, 0 if none was; the next refused bounds it."""
        value = self.sustained or 0.0
        return Figure(value, None if self.refused is None else self.refused - value)
