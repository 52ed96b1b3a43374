"""The strategies by name; each is a pure function of problem, knowledge and chance."""

from __future__ import annotations

from collections.abc import Callable
from types import MappingProxyType

from deploytune.contract.errors import InvalidTuningError
from deploytune.search.problem import Algorithm
from deploytune.search.strategies.grid import build_grid
from deploytune.search.strategies.optuna_bridge import build_optuna, build_tpe
from deploytune.search.strategies.random_search import build_random
from deploytune.search.strategies.strategy import Strategy
from deploytune.search.strategies.tba_paper import build_tba

_BUILDERS: MappingProxyType[str, Callable[[Algorithm], Strategy]] = MappingProxyType(
    {
        "TBA": build_tba,
        "TPE": build_tpe,
        "Random": build_random,
        "Grid": build_grid,
        "Optuna": build_optuna,
    }
)

STRATEGIES = tuple(_BUILDERS)
"""The names of all strategies."""


def strategy_for(algorithm: Algorithm) -> Strategy:
    """Return the strategy that an algorithm names.

    Raises:
        InvalidTuningError: an unknown name, or settings that it does not take.
        MachineError: it needs a package that is not installed.
    """
    builder = _BUILDERS.get(algorithm.name)
    if builder is None:
        raise InvalidTuningError(
            "algorithm.name", f"must be one of {', '.join(STRATEGIES)}", algorithm.name
        )
    return builder(algorithm)
