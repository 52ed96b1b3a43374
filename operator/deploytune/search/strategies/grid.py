"""`Grid`: every configuration in the order of the space, the last parameter varying fastest.

A Float without a step takes `continuousLevels` values, evenly spread along its scale; once all of
them are tried, the gaps are halved.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from deploytune.contract.errors import InvalidTuningError
from deploytune.search.history import Knowledge
from deploytune.search.problem import Algorithm, Problem
from deploytune.search.proposals import Proposal, SearchStage
from deploytune.search.seeds import Draw
from deploytune.search.strategies.strategy import refuse_preset_and_sampler

_LEVELS_SETTING = "continuousLevels"
_DEFAULT_LEVELS = 5
_FEWEST_LEVELS, _MOST_LEVELS = 2, 1000
_HALVINGS = 20


@dataclass(frozen=True)
class GridSearch:
    """What was not tried yet of the grid."""

    continuous_levels: int = _DEFAULT_LEVELS

    def propose(self, problem: Problem, knowledge: Knowledge, _draw: Draw) -> Iterator[Proposal]:
        """Yield the untried configurations, of a finer grid when this one is used up."""
        tried = knowledge.tried(problem.space)
        levels = self.continuous_levels
        for _ in range(_HALVINGS):
            for parameters in problem.space.configurations(levels):
                if problem.space.key(parameters) not in tried:
                    yield Proposal(parameters, "Grid", SearchStage.EXPLORING)
            levels = 2 * levels - 1


def build_grid(algorithm: Algorithm) -> GridSearch:
    """Return the strategy with its one setting.

    Raises:
        InvalidTuningError: another setting, or a number of levels out of range.
    """
    refuse_preset_and_sampler(algorithm)
    for name, value in algorithm.settings.items():
        path = f"algorithm.settings.{name}"
        if name != _LEVELS_SETTING:
            raise InvalidTuningError(path, f"must be {_LEVELS_SETTING} when name is Grid", value)
        if isinstance(value, bool) or not isinstance(value, int):
            raise InvalidTuningError(path, "must be an integer", value)
        if not _FEWEST_LEVELS <= value <= _MOST_LEVELS:
            raise InvalidTuningError(
                path, f"must be from {_FEWEST_LEVELS} to {_MOST_LEVELS}", value
            )
        return GridSearch(value)
    return GridSearch()
