"""`TBA`, the default: Thermal Budget Annealing over models of feasibility, margins and objective.

The lineage: the published method (preset `Paper`) maps what can run under a temperature, then hands
off to a model. Here the map is a model too, from the first trial on, and it is never handed off: it
stays the filter of everything that is tried. `deploytune.search.thermal` holds it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from types import MappingProxyType

from deploytune.contract.errors import InvalidTuningError, MachineError
from deploytune.contract.models import Scalar
from deploytune.search.history import Knowledge
from deploytune.search.problem import Algorithm, Problem
from deploytune.search.proposals import Proposal
from deploytune.search.seeds import Draw
from deploytune.search.strategies.strategy import Strategy, refuse_settings
from deploytune.search.strategies.tba_paper import PAPER, build_paper

_NEEDED = ("numpy", "scipy", "threadpoolctl")


CONVERGED_BELOW = "convergedBelow"
"""Setting: the search ends once no trial is expected to gain this share of the best objective."""

HOPELESS_BELOW = "hopelessBelow"
"""Setting: while nothing is feasible, the search ends once the probability that a whole budget of
further trials finds anything is below this; 0 goes on to the end."""

HOPELESS_BY_DEFAULT = 0.05

LEAST_HOPE = 0.001
"""Models are not believed when they say that even less is left."""

_SETTINGS: Mapping[str, tuple[str, Callable[[float], bool]]] = MappingProxyType(
    {
        CONVERGED_BELOW: (
            "a number greater than 0 and less than 1",
            lambda value: 0 < value < 1,
        ),
        HOPELESS_BELOW: (
            f"0, or greater than {LEAST_HOPE} and less than 1",
            lambda value: value == 0 or LEAST_HOPE < value < 1,
        ),
    }
)


def is_modelled(algorithm: Algorithm) -> bool:
    """Tell whether it is the strategy that has models, which can say what is left to be found."""
    return algorithm.name == "TBA" and algorithm.preset is None


def hopeless_below(algorithm: Algorithm) -> float:
    """Return the probability below which a search without a feasible trial ends; 0 is never."""
    return float(algorithm.settings.get(HOPELESS_BELOW, HOPELESS_BY_DEFAULT))


@dataclass(frozen=True)
class ModelledAnnealing:
    """Learns the models anew for each proposal: they are a function of the history."""

    def propose(self, problem: Problem, knowledge: Knowledge, draw: Draw) -> Iterator[Proposal]:
        """Yield what the models recommend, best first."""
        from deploytune.search.thermal.choosing import choose

        return choose(problem, knowledge, draw)


def build_tba(algorithm: Algorithm) -> Strategy:
    """Return the default strategy, or the paper's.

    Raises:
        InvalidTuningError: an unknown preset, a sampler, or settings.
        MachineError: a package that it needs is not installed.
    """
    if algorithm.sampler is not None:
        rule = "may not be set when name is TBA"
        raise InvalidTuningError("algorithm.sampler", rule, algorithm.sampler)
    if algorithm.preset is not None:
        refuse_settings(algorithm)
        if algorithm.preset != PAPER:
            rule = f"must be {PAPER} or absent when name is TBA"
            raise InvalidTuningError("algorithm.preset", rule, algorithm.preset)
        return build_paper()
    for name, value in algorithm.settings.items():
        _check_setting(name, value)
    for package in _NEEDED:
        if find_spec(package) is None:
            raise MachineError(f"TBA needs the package {package}, which is not installed")
    return ModelledAnnealing()


def _check_setting(name: str, value: Scalar) -> None:
    path = f"algorithm.settings.{name}"
    if name not in _SETTINGS:
        raise InvalidTuningError(path, f"must be a setting of TBA ({', '.join(_SETTINGS)})", value)
    rule, keeps_it = _SETTINGS[name]
    if isinstance(value, bool | str) or not keeps_it(value):
        raise InvalidTuningError(path, f"must be {rule}", value)
