"""What is measured next: a pure function of what was asked for and what was measured.

The first round plays every configuration once, in an order drawn by the seed, so that a machine
that changes during the hour does not favour the configurations of one family. Further rounds
repeat what one measurement does not settle: what lies near a limit and clearly misses no other,
and what came out as no measurement. Between them, and at both ends, stands the anchor: always the
same configuration, whose latencies tell how the machine itself drifted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from itertools import takewhile

from deploytune.bench.search.chance import chance
from deploytune.contract.errors import InvalidTuningError
from deploytune.contract.limits import Limit
from deploytune.contract.metrics import METRICS, split_metric_key
from deploytune.contract.models import Scalar
from deploytune.contract.outcomes import OutcomeKind
from deploytune.search.history import Parameters
from deploytune.search.space import Configuration, Key, Space

ANCHOR_EVERY = 20
_UNDISTURBED = 0.1  # of the nearness of a metric under load
MOST_CONFIGURATIONS = 2000
"""Some four hours of measuring: beyond it, a part of the space is meant."""


class Role(StrEnum):
    """Why a trial was played."""

    ANCHOR = "Anchor"
    CONFIGURATION = "Configuration"


@dataclass(frozen=True)
class Ask:
    """What to play next."""

    role: Role
    parameters: Parameters


@dataclass(frozen=True)
class Measured:
    """What the rounds must know of a trial that ended: `metrics` by metric key."""

    role: Role
    parameters: Parameters
    outcome: OutcomeKind
    metrics: Mapping[str, float]


@dataclass(frozen=True)
class Rounds:
    """The order of a recording: `repeats` further rounds of what lies near a limit.

    `near` is a share of the limit, for metrics under load; of others it is a tenth of that.
    """

    space: Space
    limits: tuple[Limit, ...]
    anchor: Parameters
    seed: int
    repeats: int = 2
    near: float = 0.15

    def __post_init__(self) -> None:
        """Refuse a space that cannot be measured densely, and numbers that mean nothing.

        Raises:
            InvalidTuningError: it is too large, the anchor is none of its configurations, or
                `repeats` is below 0 or `near` not above it.
        """
        if self.repeats < 0:
            raise InvalidTuningError("repeats", "must be at least 0", self.repeats)
        if not self.near > 0:
            raise InvalidTuningError("near", "must be greater than 0", self.near)
        size = self.space.size
        if size is None or size > MOST_CONFIGURATIONS:
            rule = f"must have at most {MOST_CONFIGURATIONS} configurations to be recorded"
            raise InvalidTuningError("spec.searchSpace", rule, size or "too many to count")
        self.space.check(self.anchor, "anchor")

    def next_ask(self, measured: Sequence[Measured]) -> Ask | None:
        """Return what to play after these trials, None when everything is measured."""
        counts = self._counts(measured)
        due = next(self._unmeasured(counts, measured), None)
        since_anchor = sum(1 for _ in takewhile(_is_no_anchor, reversed(measured)))
        closing = due is None and since_anchor > 0
        if not measured or since_anchor >= ANCHOR_EVERY or closing:
            return Ask(Role.ANCHOR, self.anchor)
        return None if due is None else Ask(Role.CONFIGURATION, due)

    def left(self, measured: Sequence[Measured]) -> int:
        """Return how many trials are still to be played, anchors aside."""
        return sum(1 for _ in self._unmeasured(self._counts(measured), measured))

    @cached_property
    def _shuffled(self) -> list[Configuration]:
        configurations = list(self.space.configurations())
        chance("recording", self.seed).shuffle(configurations)
        return configurations

    def _unmeasured(
        self, counts: Mapping[Key, int], measured: Sequence[Measured]
    ) -> Iterator[Configuration]:
        for configuration in self._shuffled:
            if self.space.key(configuration) not in counts:
                yield configuration
        unsettled = self._unsettled(measured)
        for done in range(1, self.repeats + 1):
            for configuration in self._shuffled:
                key = self.space.key(configuration)
                if key in unsettled and counts.get(key, 0) <= done:
                    yield configuration

    def _counts(self, measured: Sequence[Measured]) -> dict[Key, int]:
        counts: dict[Key, int] = {}
        for one in measured:
            if one.role is Role.CONFIGURATION:
                key = self.space.key(one.parameters)
                counts[key] = counts.get(key, 0) + 1
        return counts

    def _unsettled(self, measured: Sequence[Measured]) -> set[Key]:
        """Return what one of its measurements did not settle."""
        return {
            self.space.key(one.parameters)
            for one in measured
            if one.role is Role.CONFIGURATION and self._is_unsettled(one)
        }

    def _is_unsettled(self, one: Measured) -> bool:
        if one.outcome is OutcomeKind.INVALID:
            return True
        if one.outcome not in (OutcomeKind.FEASIBLE, OutcomeKind.INFEASIBLE):
            return False
        excesses = [
            limit.excess(one.metrics[limit.metric]) / (abs(limit.bound) * self._near(limit))
            for limit in self.limits
            if limit.metric in one.metrics and limit.bound
        ]
        if not excesses or max(excesses) > 1:
            return False
        return any(abs(excess) <= 1 for excess in excesses)

    def _near(self, limit: Limit) -> float:
        """Return how near is near; a metric that no load disturbs repeats itself much closer."""
        definition = METRICS.get(split_metric_key(limit.metric)[0])
        undisturbed = definition is not None and not definition.under_load
        return self.near * (_UNDISTURBED if undisturbed else 1)


def anchor_of(space: Space, changes: Mapping[str, Scalar]) -> Configuration:
    """Return the defaults of the space with some values changed.

    Raises:
        InvalidTuningError: a default is missing, or the anchor is no configuration of the space.
    """
    wanted = {p.name: p.default for p in space.parameters if p.default is not None}
    wanted.update(changes)
    anchor: Configuration = {}
    for parameter in space.activation_order:
        if space.is_active(parameter, anchor) and parameter.name in wanted:
            anchor[parameter.name] = wanted[parameter.name]
    for name in changes:
        if name not in anchor:
            anchor[name] = changes[name]  # unknown or inactive: the check below says so
    space.check(anchor, "anchor")
    return space.normalised(anchor)


def _is_no_anchor(one: Measured) -> bool:
    return one.role is not Role.ANCHOR
