"""The strategies by name; each is a pure function of problem, knowledge and chance.

A name that is not built in is looked for in installed packages (`plug_ins`).
"""

from __future__ import annotations

from collections.abc import Callable
from types import MappingProxyType

from deploytune.contract.errors import InvalidTuningError
from deploytune.search.problem import Algorithm
from deploytune.search.strategies.grid import build_grid
from deploytune.search.strategies.optuna_bridge import build_optuna, build_tpe
from deploytune.search.strategies.plug_ins import plug_in, plug_in_names
from deploytune.search.strategies.random_search import build_random
from deploytune.search.strategies.strategy import Strategy
from deploytune.search.strategies.tba import build_tba

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
"""The names of all built-in strategies."""


def strategy_for(algorithm: Algorithm) -> Strategy:
    """Return the strategy that an algorithm names: a built-in one first of all.

    Raises:
        InvalidTuningError: an unknown name, or settings that it does not take.
        MachineError: it needs a package that is not installed, or its own package is broken.
    """
    builder = _BUILDERS.get(algorithm.name) or plug_in(algorithm.name)
    if builder is None:
        known = dict.fromkeys((*STRATEGIES, *plug_in_names()))
        raise InvalidTuningError(
            "algorithm.name", f"must be one of {', '.join(known)}", algorithm.name
        )
    return builder(algorithm)
