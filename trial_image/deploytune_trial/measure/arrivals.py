"""When requests are due: a Poisson process, the same for the same seed."""

from __future__ import annotations

import random
from collections.abc import Iterator


def poisson_gaps(rate_per_second: float, seed: int) -> Iterator[float]:
    """Yield the seconds between one request and the next, without end."""
    generator = random.Random(seed)  # noqa: S311 - a load, not a secret
    while True:
        yield generator.expovariate(rate_per_second)
