"""`TBA`, the default: Thermal Budget Annealing over models of feasibility, margins and objective.

The lineage: the published method (preset `Paper`) maps what can run under a temperature, then hands
off to a model. Here the map is a model too, from the first trial on, and it is never handed off: it
stays the filter of everything that is tried. `deploytune.search.thermal` holds it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec

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
    if name != CONVERGED_BELOW:
        raise InvalidTuningError(path, f"must be a setting of TBA ({CONVERGED_BELOW})", value)
    if isinstance(value, bool | str) or not 0 < value < 1:
        raise InvalidTuningError(path, "must be a number greater than 0 and less than 1", value)
