"""The published method with a part switched off, or as the code published with it has that part.

Each is the product's own `ThermalBudgetAnnealing` under another policy. What the published code
does otherwise than our reading of the text is an ablation too (`as-coded`): an infeasible trial
counts against its values like a crash, three trials are random, and the sampler after the hand-off
is univariate and starts without random trials. It stays our code in all else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from deploytune.contract.models import Scalar
from deploytune.search.problem import Algorithm
from deploytune.search.strategies.optuna_bridge import build_tpe
from deploytune.search.strategies.tba_paper import PUBLISHED, Policy, ThermalBudgetAnnealing


@dataclass(frozen=True)
class PaperVariant:
    """A policy, and the settings of the TPE that is handed off to."""

    summary: str
    policy: Policy
    successor: Mapping[str, Scalar] = field(default_factory=dict)

    def strategy(self) -> ThermalBudgetAnnealing:
        """Return it as a strategy."""
        return ThermalBudgetAnnealing(build_tpe(Algorithm("TPE", self.successor)), self.policy)


VARIANTS = {
    "mapping": PaperVariant(
        "the mapping stage alone, until the end",
        replace(PUBLISHED, map_at_most=None, hand_off_trials=None),
    ),
    "exploitation": PaperVariant(
        "exploitation alone: TPE from the first trial", replace(PUBLISHED, map_at_most=0)
    ),
    "random-map": PaperVariant(
        "a mapping stage of random trials, without annealing", replace(PUBLISHED, random_trials=15)
    ),
    "plain-annealing": PaperVariant(
        "annealing without reheating, restarts and snap-backs",
        replace(PUBLISHED, reheat_after=None, restart_every=None, snap_back=0.0),
    ),
    "no-blacklist": PaperVariant("no value is ever closed", replace(PUBLISHED, close_after=None)),
    "close-for-good": PaperVariant(
        "a closed value opens at the hand-off only", replace(PUBLISHED, closed_for=None)
    ),
    "close-infeasible": PaperVariant(
        "an infeasible trial counts against its values like a crash",
        replace(PUBLISHED, infeasible_is_failure=True),
    ),
    "as-coded": PaperVariant(
        "as the published code has it: close-infeasible, 3 random trials, TPE univariate at once",
        replace(PUBLISHED, infeasible_is_failure=True, random_trials=3),
        {"multivariate": False, "n_startup_trials": 0},
    ),
}
"""Every variant by name; each changes the published policy."""
