"""How many trials each pool may still be given: its own limit, the tuning's, and its troubles."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from deploytune.api.trial import TuningTrial
from deploytune.api.tuning import TuningSpec
from deploytune.state.world import World


@dataclass(frozen=True)
class Room:
    """Free places: `total` over all pools, and `by_pool` with 0 for a closed pool."""

    total: int
    by_pool: Mapping[str, int]

    @property
    def full_pools(self) -> tuple[str, ...]:
        """The pools that may not be given a trial now."""
        return tuple(pool for pool, places in self.by_pool.items() if places == 0)

    def taken(self, pool: str) -> Room:
        """Return the room that is left when a pool was given a trial."""
        return Room(self.total - 1, {**self.by_pool, pool: self.by_pool[pool] - 1})

    def of(self, pool: str) -> int:
        """Return how many trials a pool may be given."""
        return min(self.total, self.by_pool[pool])


def stand_aside(world: World, closed: frozenset[str]) -> Iterator[int]:
    """Yield the trials of closed pools that hold no node: other pools do not wait for them."""
    bound = {a.trial_index for a in world.attempts if a.ending is None and a.is_bound}
    for trial in world.trials:
        if trial.spec.pool in closed and trial.spec.index not in bound:
            yield trial.spec.index


def room_for(
    spec: TuningSpec,
    parallel_trials: int,
    trials: Iterable[TuningTrial],
    closed: frozenset[str] = frozenset(),
    aside: frozenset[int] = frozenset(),
) -> Room:
    """Return the room beside trials that have a place, those that stand aside in no other pool."""
    trials = tuple(trials)
    held = Counter(trial.spec.pool for trial in trials)
    in_the_way = sum(trial.spec.index not in aside for trial in trials)
    return Room(
        total=max(0, parallel_trials - in_the_way),
        by_pool={
            pool.name: 0
            if pool.name in closed
            else max(0, (pool.max_parallel_trials or parallel_trials) - held[pool.name])
            for pool in spec.node_pools
        },
    )
