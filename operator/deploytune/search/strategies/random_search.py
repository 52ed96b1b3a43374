"""`Random`: every configuration drawn anew, each active parameter uniformly along its scale."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from deploytune.search.history import Knowledge
from deploytune.search.problem import Algorithm, Problem
from deploytune.search.proposals import Proposal, SearchStage
from deploytune.search.seeds import Draw
from deploytune.search.strategies.strategy import refuse_preset_and_sampler, refuse_settings


@dataclass(frozen=True)
class RandomSearch:
    """Looks at the space alone."""

    def propose(self, problem: Problem, _knowledge: Knowledge, draw: Draw) -> Iterator[Proposal]:
        """Draw configurations."""
        rng = draw.rng("random")
        while (parameters := problem.space.sample(rng)) is not None:
            yield Proposal(parameters, "Random", SearchStage.EXPLORING)


def build_random(algorithm: Algorithm) -> RandomSearch:
    """Return the strategy; it takes no settings."""
    refuse_preset_and_sampler(algorithm)
    refuse_settings(algorithm)
    return RandomSearch()
