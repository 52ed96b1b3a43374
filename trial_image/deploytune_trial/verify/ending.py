"""When an evaluation ends: with all samples, or as soon as its limits are decided.

Whoever optimises a figure of the evaluation gets it of all samples. Who only limits some may have
an answer earlier: at a few looks that are known beforehand, when the bounds of every limited figure
lie on one side of its limit, or those of one lie on the wrong side.
"""

from __future__ import annotations

from collections.abc import Sequence

from deploytune.contract.limits import Limit
from deploytune.contract.request import TrialRequest
from deploytune_trial.verify.bounds import ERROR, Bounds, looks
from deploytune_trial.verify.scorers import Scorer


class Ending:
    """Decides whether more samples are needed."""

    def __init__(
        self, request: TrialRequest, metrics: frozenset[str], population: int, *, in_any_order: bool
    ) -> None:
        """Watch the limits on `metrics`, which is what this evaluation measures.

        `in_any_order` says that samples come in random order; otherwise all are needed.
        """
        self._limits = [limit for limit in request.limits if limit.metric in metrics]
        self._population = population
        can_end = in_any_order and self._limits and not metrics & {*request.objectives}
        self._looks = looks(population) if can_end else []
        self._error = ERROR / max(1, len(self._looks) * len(self._limits))
        self.decided: dict[str, Bounds] = {}

    def is_reached(self, samples: int, scorers: Sequence[Scorer]) -> bool:
        """Tell, after so many samples, whether the limits are decided; each look counts once."""
        if not self._looks or samples < self._looks[0] or samples >= self._population:
            return False
        self._looks = [look for look in self._looks if look > samples]
        self.decided, met = {}, 0
        for limit in self._limits:
            bounds = self._bounds(limit, scorers)
            if bounds is not None and _is_missed(limit, bounds):
                self.decided = {limit.metric: bounds}
                return True
            if bounds is not None and _is_met(limit, bounds):
                self.decided[limit.metric] = bounds
                met += 1
        return met == len(self._limits)

    def _bounds(self, limit: Limit, scorers: Sequence[Scorer]) -> Bounds | None:
        found = (s.bounds(limit.metric, self._population, self._error) for s in scorers)
        return next((bounds for bounds in found if bounds is not None), None)


def _is_met(limit: Limit, bounds: Bounds) -> bool:
    return limit.is_met_by(bounds.low) and limit.is_met_by(bounds.high)


def _is_missed(limit: Limit, bounds: Bounds) -> bool:
    return not (limit.is_met_by(bounds.low) or limit.is_met_by(bounds.high))
