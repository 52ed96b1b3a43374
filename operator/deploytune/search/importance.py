"""How much each parameter decided which trials are the better ones, by Optuna's PED-ANOVA.

It compares how the values of the better trials are spread with how those of all are (Watanabe et
al. 2023, arXiv 2304.10255), conditional parameters included.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from deploytune.search.history import Parameters
from deploytune.search.space import Space


def importance_of_parameters(
    space: Space, configurations: Sequence[Parameters], losses: Sequence[float], share: float
) -> Mapping[str, float]:
    """Return the share of each parameter, all together 1, for being in a `share` of least losses.

    Nothing where no parameter tells the better ones from all. Needs optuna and scipy.
    """
    from optuna import create_study
    from optuna.importance import PedAnovaImportanceEvaluator
    from optuna.trial import TrialState

    from deploytune.search.strategies.optuna_bridge import distributions_of, frozen_trial, quietly

    distributions = distributions_of(space)
    with quietly():
        study = create_study(direction="minimize")
        for configuration, loss in zip(configurations, losses, strict=True):
            parameters = space.normalised(configuration)
            study.add_trial(frozen_trial(parameters, distributions, TrialState.COMPLETE, loss))
        found = PedAnovaImportanceEvaluator(target_quantile=share).evaluate(study)
    total = sum(found.values())
    return {name: one / total for name, one in found.items()} if total > 0 else {}
