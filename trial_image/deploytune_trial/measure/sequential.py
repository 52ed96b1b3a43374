"""When a measurement knows enough: a sequential test of its limits that may look more than once.

A measurement is looked at eight times at most, at the ends of windows. Whoever looks often must
demand more each time: the error allowed, `ALPHA` for each direction, is spent over the looks in
harmonic shares (the first look, which decides the easy cases, gets most), and their sum bounds the
probability that any look is wrong, however the looks depend on each other.

Around each limit lies a zone of indifference of 5 %. A limit is met once the value is within it and
its upper bound below the far edge of the zone; it is missed once the value is beyond it and its
lower bound above the near edge. So a truth outside the zone is mistaken with probability ALPHA at
most, while one inside it may be decided either way. What is not decided when the requests are spent
is decided by the value, and is uncertain.

Objectives have no limit to decide: they are known once their interval is narrow enough.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from deploytune.contract.limits import Limit
from deploytune_trial.measure.intervals import Estimate, EstimateAt

ALPHA = 0.01
"""The probability of each wrong verdict outside the zone."""

ZONE = 0.05
"""Half of the zone of indifference, as a share of the limit."""

MOST_LOOKS = 8

CONFIDENCE = 0.95
"""Of the intervals that are reported."""

PRECISE = 0.05
"""The half-width of an objective's interval that is narrow enough, as a share of its value."""


def look_windows(most_windows: int) -> tuple[int, ...]:
    """Return after which windows to look: every one of a few, else at growing distances."""
    if most_windows <= MOST_LOOKS:
        return tuple(range(1, most_windows + 1))
    growth = most_windows ** (1 / (MOST_LOOKS - 1))
    looks: list[int] = []
    for number in range(MOST_LOOKS):
        after_the_last = looks[-1] + 1 if looks else 1
        looks.append(max(after_the_last, round(growth**number)))
    return tuple(looks)


def spent_alphas(looks: int, alpha: float) -> tuple[float, ...]:
    """Return what each look may spend; the sum is `alpha`."""
    harmonic = math.fsum(1 / number for number in range(1, looks + 1))
    return tuple(alpha / number / harmonic for number in range(1, looks + 1))


@dataclass(frozen=True)
class LimitTest:
    """A limit on a metric, and what each look may spend on each side of it.

    A look at so few requests that even the best of them prove nothing spends nothing on a proof
    that the limit is met; all the later ones share what it would have spent.
    """

    limit: Limit
    alphas_met: Mapping[int, float]
    alphas_missed: Mapping[int, float]

    @classmethod
    def plan(
        cls,
        limit: Limit,
        looks: Sequence[int],
        *,
        percentile: float | None,
        window_requests: int,
        limits: int = 1,
    ) -> LimitTest:
        """Share the alphas out over looks after so many windows.

        With several `limits` any of them may be mistaken for missed, so they share that error.
        """
        fewest = 0.0 if percentile is None else math.log(ALPHA / 2) / math.log(percentile / 100)
        able = [look for look in looks if look * window_requests >= fewest]
        return cls(
            limit,
            dict(zip(able, spent_alphas(len(able), ALPHA), strict=True)),
            dict(zip(looks, spent_alphas(len(looks), ALPHA / limits), strict=True)),
        )

    def decide(self, look: int, estimate_at: EstimateAt) -> bool | None:
        """Return at a look whether the limit is met, None while that is open."""
        met, missed = self.alphas_met.get(look), self.alphas_missed[look]
        room = ZONE * abs(self.limit.bound)
        if self.limit.is_met_by(estimate_at(missed).value):
            if met is None:
                return None
            return True if self._worst(estimate_at(met)) <= room else None
        return False if self._best(estimate_at(missed)) >= -room else None

    def _worst(self, estimate: Estimate) -> float:
        return max(self.limit.excess(estimate.lower), self.limit.excess(estimate.upper))

    def _best(self, estimate: Estimate) -> float:
        return min(self.limit.excess(estimate.lower), self.limit.excess(estimate.upper))


class Decisions:
    """What is known of the limits and objectives of one load so far."""

    def __init__(self, tests: Sequence[LimitTest], objectives: Sequence[str]) -> None:
        """Begin with nothing decided."""
        self._tests = tests
        self._objectives = objectives
        self._met: dict[int, bool] = {}
        self._precise = False

    @property
    def is_missed(self) -> bool:
        """Whether a limit is missed beyond doubt."""
        return not all(self._met.values())

    @property
    def undecided(self) -> set[str]:
        """The metrics with a limit that is open."""
        return {
            test.limit.metric for place, test in enumerate(self._tests) if place not in self._met
        }

    @property
    def verdicts(self) -> dict[tuple[str, float], bool]:
        """Whether a limit, by its metric and bound, is met; those that are open left out."""
        limits = {place: self._tests[place].limit for place in self._met}
        return {(limit.metric, limit.bound): self._met[place] for place, limit in limits.items()}

    @property
    def are_final(self) -> bool:
        """Whether nothing more needs to be known: a limit is missed, or all is met and precise."""
        return self.is_missed or (self._precise and not self.undecided)

    def look(self, after_windows: int, estimates: Mapping[str, EstimateAt]) -> None:
        """Look at the estimates after so many windows; what is decided stays decided."""
        for place, test in enumerate(self._tests):
            if place not in self._met:
                verdict = test.decide(after_windows, estimates[test.limit.metric])
                if verdict is not None:
                    self._met[place] = verdict
        self._precise = all(is_precise(estimates[metric]) for metric in self._objectives)


def is_precise(estimate_at: EstimateAt) -> bool:
    """Tell whether a metric's interval is narrow enough for an objective."""
    estimate = estimate_at((1 - CONFIDENCE) / 2)
    width = estimate.half_width
    return width is not None and width <= PRECISE * abs(estimate.value)
