"""Random numbers that depend on the tuning's seed and the trial's index, and on nothing else.

Python's `hash` differs between processes, and a constant seed makes a rebuilt sampler repeat
itself; so every use of chance has its own stable hash.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b
from random import Random

_SEED_BYTES = 4  # numpy's legacy generators, which samplers use, take 32 bits


def stable_seed(seed: int, index: int, purpose: str) -> int:
    """Return a seed in [0, 2**32) for one use of chance in one trial."""
    digest = blake2b(f"{seed}/{index}/{purpose}".encode(), digest_size=_SEED_BYTES).digest()
    return int.from_bytes(digest, "big")


@dataclass(frozen=True)
class Draw:
    """The chance that one proposal may use."""

    seed: int
    index: int

    def seed_for(self, purpose: str) -> int:
        """Return the seed for one use of chance."""
        return stable_seed(self.seed, self.index, purpose)

    def rng(self, purpose: str) -> Random:
        """Return a generator for one use of chance."""
        return Random(self.seed_for(purpose))  # noqa: S311 - a search, not a secret
