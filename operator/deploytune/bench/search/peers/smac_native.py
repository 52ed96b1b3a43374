"""SMAC3: its facade for hyperparameters (random forest), through ask and tell, with conditions.

SMAC knows no constraints on metrics: it gets the penalised loss, and failures with their status.
Its initial design takes a quarter of the budget, so it looks at the budget.
"""

from __future__ import annotations

import warnings
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from deploytune.bench.search.peers.installed import check_installed
from deploytune.bench.search.peers.penalties import penalised
from deploytune.bench.search.peers.port import Peer
from deploytune.bench.search.problems import BenchProblem
from deploytune.contract.models import Scalar
from deploytune.search.history import FinishedTrial, Parameters
from deploytune.search.parameters import Parameter, ParameterType, Scale
from deploytune.search.space import Space


def smac_peer(name: str) -> Peer:
    """Return SMAC3 as a peer."""
    check = partial(check_installed, name, "smac", "ConfigSpace")
    return Peer(name, "SMAC3, random forest", SmacSession, looks_at_budget=True, check=check)


class SmacSession:
    """A facade that is never told to optimise by itself."""

    def __init__(self, bench: BenchProblem, budget: int, seed: int) -> None:
        from smac import HyperparameterOptimizationFacade, Scenario

        self._problem = bench.problem
        self._folder = TemporaryDirectory(prefix="smac-")
        scenario = Scenario(
            _configuration_space(bench.problem.space, seed),
            deterministic=True,
            n_trials=budget,
            seed=seed,
            output_directory=Path(self._folder.name),
        )
        self._facade: Any = HyperparameterOptimizationFacade(
            scenario, _never_called, overwrite=True, logging_level=False
        )
        self._asked: dict[int, Any] = {}

    def ask(self, index: int) -> Parameters:
        """Ask the facade."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # means of nothing, before the first trial is told
            asked = self._asked[index] = self._facade.ask()
        space, chosen = self._problem.space, dict(asked.config)
        return {p.name: _value(p, chosen[p.name]) for p in space.parameters if p.name in chosen}

    def tell(self, trial: FinishedTrial) -> None:
        """Tell cost and status."""
        from smac.runhistory.dataclasses import TrialValue
        from smac.runhistory.enumerations import StatusType

        status = StatusType.SUCCESS if trial.was_measured else StatusType.CRASHED
        cost = penalised(self._problem, trial)
        value = TrialValue(cost=cost, time=trial.seconds, status=status)
        self._facade.tell(self._asked.pop(trial.index), value, save=False)


def _never_called(config: Any, seed: int = 0) -> float:
    raise NotImplementedError(config, seed)


def _configuration_space(space: Space, seed: int) -> Any:
    from ConfigSpace import AndConjunction, ConfigurationSpace, InCondition

    built = ConfigurationSpace(seed=seed)
    dimensions = {parameter.name: _dimension(parameter) for parameter in space.parameters}
    built.add(*dimensions.values())
    for parameter in space.parameters:
        conditions = [
            InCondition(dimensions[parameter.name], dimensions[name], _codes(space[name], values))
            for name, values in parameter.when.items()
        ]
        if conditions:
            built.add(conditions[0] if len(conditions) == 1 else AndConjunction(*conditions))
    return built


def _dimension(parameter: Parameter) -> Any:
    """Return a parameter as ConfigSpace writes it; choices are codes of their places."""
    from ConfigSpace import CategoricalHyperparameter, Float, Integer

    if parameter.minimum is None or parameter.maximum is None:
        codes = [str(place) for place in range(parameter.count or 0)]
        return CategoricalHyperparameter(parameter.name, codes)
    log, bounds = parameter.scale is Scale.LOG, (parameter.minimum, parameter.maximum)
    if parameter.type is ParameterType.INTEGER:
        return Integer(parameter.name, (int(bounds[0]), int(bounds[1])), log=log)
    return Float(parameter.name, bounds, log=log)


def _codes(parameter: Parameter, values: tuple[Scalar, ...]) -> list[str]:
    levels = [parameter.level(place) for place in range(parameter.count or 0)]
    return [str(place) for place, level in enumerate(levels) if level in values]


def _value(parameter: Parameter, chosen: Any) -> Scalar:
    if parameter.minimum is None:
        return parameter.level(int(chosen))
    return int(chosen) if parameter.type is ParameterType.INTEGER else float(chosen)
