"""Optuna as its authors show it: one live study, ask and tell, a space defined by running.

Limits are constraints of the trial, normalised. A crash is told as a trial with the worst value
known and a constraint of its own: Optuna's samplers take no notice of failed trials, so this is the
kinder of the two ways.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from functools import partial
from typing import Any

from deploytune.bench.search.peers.installed import check_installed
from deploytune.bench.search.peers.port import Peer
from deploytune.bench.search.problems import BenchProblem
from deploytune.contract.models import Scalar
from deploytune.search.history import FinishedTrial, Parameters
from deploytune.search.parameters import Parameter, ParameterType, Scale
from deploytune.search.ranking import loss_of
from deploytune.search.space import Configuration
from deploytune.search.violations import violation_of


def optuna_peer(name: str, summary: str, sampler: str, **settings: Scalar) -> Peer:
    """Return a sampler by its class's name as a peer."""
    check = partial(check_installed, name, "optuna", "scipy", "torch")
    if sampler != "GPSampler":
        check = partial(check_installed, name, "optuna")
    return Peer(name, summary, partial(_start, sampler, settings), check=check)


def _start(
    sampler: str, settings: Mapping[str, Scalar], bench: BenchProblem, _budget: int, seed: int
) -> OptunaSession:
    return OptunaSession(bench, sampler, {**settings, "seed": seed})


class OptunaSession:
    """A study."""

    def __init__(self, bench: BenchProblem, sampler: str, settings: Mapping[str, Scalar]) -> None:
        import optuna

        warnings.filterwarnings("ignore", module="optuna")
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self._problem = bench.problem
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # group is experimental
            built = getattr(optuna.samplers, sampler)(**settings)
        self._study = optuna.create_study(sampler=built)
        self._trials: dict[int, Any] = {}
        self._worst = 0.0

    def ask(self, index: int) -> Parameters:
        """Ask the study, parameter by parameter."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            trial = self._trials[index] = self._study.ask()
            suggested: Configuration = {}
            for parameter in self._problem.space.activation_order:
                if self._problem.space.is_active(parameter, suggested):
                    suggested[parameter.name] = _suggest(trial, parameter)
        return self._problem.space.normalised(suggested)

    def tell(self, ended: FinishedTrial) -> None:
        """Tell value and constraints."""
        trial, limits = self._trials.pop(ended.index), self._problem.constraints
        violation = violation_of(limits, ended.outcome, ended.metrics)
        for place, excess in enumerate(violation.excesses or (0.0,) * len(limits)):
            trial.set_constraint(str(place), excess)
        trial.set_constraint("other", violation.total - sum(violation.by_constraint))
        loss = loss_of(self._problem, ended)
        self._worst = self._worst if loss is None else max(self._worst, loss)
        self._study.tell(trial, self._worst if loss is None else loss)


def _suggest(trial: Any, parameter: Parameter) -> Scalar:
    """Suggest a value with the call for its type."""
    name, low, high = parameter.name, parameter.minimum, parameter.maximum
    log = parameter.scale is Scale.LOG
    value: Scalar
    if low is None or high is None:
        levels = [parameter.level(place) for place in range(parameter.count or 0)]
        value = trial.suggest_categorical(name, levels)
    elif parameter.type is ParameterType.INTEGER:
        step = int(parameter.step or 1)
        value = trial.suggest_int(name, int(low), int(high), step=step, log=log)
    else:
        value = trial.suggest_float(name, low, high, step=parameter.step, log=log)
    return value
