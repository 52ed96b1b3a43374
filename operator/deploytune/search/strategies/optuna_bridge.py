"""`TPE` and `Optuna`: samplers of Optuna over a study rebuilt from the history.

Beside `search.importance` the only module that imports Optuna, and only once a proposal is wanted.
What the samplers see:

- every finished trial as COMPLETE, with its loss and one constraint per limit, normalised; samplers
  ignore FAIL, so a crash is COMPLETE too, with one more constraint of number of constraints + 1;
- a trial without a loss has the worst loss known: infeasible ones are ranked by constraints alone;
- every trial in flight as RUNNING, so that the next proposal keeps away from it.

The seed is of the index: with one seed, a sampler over a rebuilt study repeats itself. A sampler
that is a function of the trials alone gets a study of ready-made trials. The others keep a state in
the study (a generation, a place in a sequence): for them the whole history is asked for and told
again.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from importlib.util import find_spec
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from deploytune.contract.errors import InvalidTuningError, MachineError
from deploytune.contract.models import Scalar
from deploytune.search.history import FinishedTrial, Knowledge, Parameters
from deploytune.search.parameters import Parameter, ParameterType, Scale
from deploytune.search.problem import Algorithm, Problem
from deploytune.search.proposals import Proposal, SearchStage
from deploytune.search.ranking import loss_of
from deploytune.search.seeds import Draw
from deploytune.search.space import Configuration, Space
from deploytune.search.strategies.strategy import refuse_preset_and_sampler
from deploytune.search.violations import violation_of

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.samplers import BaseSampler
    from optuna.study import Study
    from optuna.trial import FrozenTrial, Trial, TrialState

_TPE = "TPESampler"
_SAMPLERS = (
    "BruteForceSampler",
    "CmaEsSampler",
    "GPSampler",
    "NSGAIIISampler",
    "NSGAIISampler",
    "QMCSampler",
    "RandomSampler",
    _TPE,
)
# Functions of the trials alone: they keep nothing in the study.
_MEMORYLESS = frozenset({"BruteForceSampler", "GPSampler", "RandomSampler", _TPE})
# What Optuna itself does not install; without it a sampler fails at its first use only.
_NEEDED: MappingProxyType[str, tuple[str, ...]] = MappingProxyType(
    {"CmaEsSampler": ("cmaes",), "GPSampler": ("scipy", "torch"), "QMCSampler": ("scipy",)}
)
_SETTING_KINDS: MappingProxyType[str, tuple[type, ...]] = MappingProxyType(
    {"bool": (bool,), "int": (int,), "float": (int, float), "str": (str,)}
)
_OTHER_CONSTRAINT = "other"
_SOME_TIME = datetime(2000, 1, 1, tzinfo=UTC)  # a study wants times; no sampler reads them


@dataclass(frozen=True)
class OptunaStrategy:
    """A sampler by name, with its settings."""

    strategy: str
    sampler: str
    settings: Mapping[str, Scalar] = field(default_factory=dict)

    def propose(self, problem: Problem, knowledge: Knowledge, draw: Draw) -> Iterator[Proposal]:
        """Ask the sampler; what it proposed before counts as running.

        Raises:
            InvalidTuningError: the sampler cannot search this space with these settings.
        """
        feasible = sum(trial.is_feasible for trial in knowledge.finished)
        stage = SearchStage.EXPLOITING if feasible else SearchStage.EXPLORING
        why: dict[str, Scalar] = {"sampler": self.sampler, "feasibleTrials": feasible}
        with self._errors(), quietly():
            study = self._study(problem, knowledge, draw)
        while True:
            with self._errors(), quietly():
                parameters = _suggest(study, problem.space)
            yield Proposal(parameters, self.strategy, stage, why)

    def _study(self, problem: Problem, knowledge: Knowledge, draw: Draw) -> Study:
        sampler = _build_sampler(self.sampler, self.settings, draw.seed_for("sampler"))
        study = _new_study(sampler)
        told = _Told(problem, knowledge)
        if self.sampler in _MEMORYLESS:
            told.add_to(study)
        else:
            told.replay_in(study)
        return study

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except (TypeError, ValueError) as error:
            rule = f"cannot search this space: {_first_line(error)}"
            raise InvalidTuningError("algorithm", rule, self.sampler) from error


def build_tpe(algorithm: Algorithm) -> OptunaStrategy:
    """Return Optuna's TPE, multivariate and by groups of parameters that are active together.

    Raises:
        InvalidTuningError: a setting that TPE does not take.
        MachineError: Optuna is not installed.
    """
    refuse_preset_and_sampler(algorithm)
    # Without groups, a multivariate TPE samples conditional parameters one by one.
    multivariate = algorithm.settings.get("multivariate", True)
    defaults = {"multivariate": True, "group": multivariate}
    return _checked(OptunaStrategy(algorithm.name, _TPE, {**defaults, **algorithm.settings}))


def build_optuna(algorithm: Algorithm) -> OptunaStrategy:
    """Return the sampler that the algorithm names.

    Raises:
        InvalidTuningError: no such sampler, or a setting that it does not take.
        MachineError: a package that it needs is not installed.
    """
    if algorithm.preset is not None:
        rule = "may not be set when name is Optuna"
        raise InvalidTuningError("algorithm.preset", rule, algorithm.preset)
    if algorithm.sampler not in _SAMPLERS:
        rule = f"must be one of {', '.join(_SAMPLERS)}"
        raise InvalidTuningError("algorithm.sampler", rule, algorithm.sampler)
    return _checked(OptunaStrategy(algorithm.name, algorithm.sampler, algorithm.settings))


def _checked(strategy: OptunaStrategy) -> OptunaStrategy:
    for package in ("optuna", *_NEEDED.get(strategy.sampler, ())):
        if find_spec(package) is None:
            raise MachineError(
                f"{strategy.sampler} needs the package {package}, which is not installed"
            )
    for name, value in strategy.settings.items():
        _check_setting(strategy.sampler, name, value)
    try:
        with quietly():
            _build_sampler(strategy.sampler, strategy.settings, seed=0)
    except ValueError as error:
        raise InvalidTuningError(
            "algorithm.settings", f"must suit {strategy.sampler}: {_first_line(error)}"
        ) from error
    return strategy


def _check_setting(sampler: str, name: str, value: Scalar) -> None:
    path = f"algorithm.settings.{name}"
    kinds = _setting_kinds(sampler)
    if name not in kinds:
        known = ", ".join(sorted(kinds)) or "none"
        raise InvalidTuningError(path, f"must be a setting of {sampler} ({known})", value)
    wanted = kinds[name]
    accepted = tuple(kind for word in wanted for kind in _SETTING_KINDS[word])
    if not isinstance(value, accepted) or (isinstance(value, bool) and "bool" not in wanted):
        raise InvalidTuningError(path, f"must be of type {' or '.join(wanted)}", value)


def _setting_kinds(sampler: str) -> dict[str, tuple[str, ...]]:
    """Return the settings of a sampler that a tuning can write, and the types each takes."""
    kinds = {}
    for name, parameter in inspect.signature(_sampler_class(sampler)).parameters.items():
        words = tuple(word for word in str(parameter.annotation).split(" | ") if word != "None")
        if name != "seed" and all(word in _SETTING_KINDS for word in words):
            kinds[name] = words
    return kinds


def _sampler_class(sampler: str) -> Any:
    import optuna.samplers

    return getattr(optuna.samplers, sampler)


def _build_sampler(sampler: str, settings: Mapping[str, Scalar], seed: int) -> BaseSampler:
    built: BaseSampler = _sampler_class(sampler)(seed=seed, **settings)
    return built


def _new_study(sampler: BaseSampler) -> Study:
    import optuna

    return optuna.create_study(sampler=sampler, direction="minimize")


class _Told:
    """The history in Optuna's words: loss, constraints, distributions."""

    def __init__(self, problem: Problem, knowledge: Knowledge) -> None:
        self._problem = problem
        self._knowledge = knowledge
        self._distributions = distributions_of(problem.space)
        losses = [loss_of(problem, trial) for trial in knowledge.finished]
        self._losses = losses
        self._worst = max((loss for loss in losses if loss is not None), default=0.0)

    def add_to(self, study: Study) -> None:
        """Put every trial into the study as it ended, or as running."""
        from optuna.trial import TrialState

        for trial, loss in zip(self._knowledge.finished, self._losses, strict=True):
            value = self._worst if loss is None else loss
            ended = self._frozen(trial.parameters, TrialState.COMPLETE, value)
            for name, excess in self._constraints(trial).items():
                ended.set_constraint(name, excess)
            study.add_trial(ended)
        for running in self._knowledge.in_flight:
            study.add_trial(self._frozen(running.parameters, TrialState.RUNNING, None))

    def replay_in(self, study: Study) -> None:
        """Let the study ask for every trial and tell it how it ended."""
        for trial, loss in zip(self._knowledge.finished, self._losses, strict=True):
            asked = self._ask_for(study, trial.parameters)
            for name, value in self._constraints(trial).items():
                asked.set_constraint(name, value)
            study.tell(asked, self._worst if loss is None else loss)
        for running in self._knowledge.in_flight:
            self._ask_for(study, running.parameters)

    def _ask_for(self, study: Study, parameters: Parameters) -> Trial:
        study.enqueue_trial(dict(parameters))
        asked = study.ask()
        _ = asked.relative_params  # the sampler takes no notice of a trial before this is read
        _suggest_in(asked, self._problem.space, self._distributions)
        return asked

    def _frozen(
        self, parameters: Parameters, state: TrialState, value: float | None
    ) -> FrozenTrial:
        params = self._problem.space.normalised(parameters)
        return frozen_trial(params, self._distributions, state, value)

    def _constraints(self, trial: FinishedTrial) -> dict[str, float]:
        constraints = self._problem.constraints
        violation = violation_of(constraints, trial.outcome, trial.metrics)
        excesses = violation.excesses or (0.0,) * len(constraints)
        told = {str(place): excess for place, excess in enumerate(excesses)}
        return {**told, _OTHER_CONSTRAINT: violation.total - sum(violation.by_constraint)}


def frozen_trial(
    parameters: Parameters,
    distributions: Mapping[str, BaseDistribution],
    state: TrialState,
    value: float | None,
) -> FrozenTrial:
    """Return a trial for a study to take over, its parameters as the space writes them."""
    return _trial_class()(
        number=-1,
        trial_id=-1,
        state=state,
        value=value,
        datetime_start=_SOME_TIME,
        datetime_complete=_SOME_TIME if state.is_finished() else None,
        params=dict(parameters),
        distributions={name: distributions[name] for name in parameters},
        user_attrs={},
        system_attrs={},
        intermediate_values={},
    )


@cache
def _trial_class() -> type[FrozenTrial]:
    from optuna.trial import FrozenTrial

    class ToldTrial(FrozenTrial):
        """A trial that the storage takes over, where copying it is most of the cost of a study."""

        def __deepcopy__(self, _memo: dict[int, object]) -> FrozenTrial:
            return copy(self)

    return ToldTrial


def _suggest(study: Study, space: Space) -> Configuration:
    return _suggest_in(study.ask(), space, distributions_of(space))


def _suggest_in(
    trial: Trial, space: Space, distributions: Mapping[str, BaseDistribution]
) -> Configuration:
    suggested: Configuration = {}
    for parameter in space.activation_order:
        if space.is_active(parameter, suggested):
            distribution = distributions[parameter.name]
            suggested[parameter.name] = trial._suggest(parameter.name, distribution)  # noqa: SLF001 - the public calls rebuild the distribution each time
    return space.normalised(suggested)


def distributions_of(space: Space) -> dict[str, BaseDistribution]:
    """Return the space's parameters as Optuna's distributions, by name."""
    return {parameter.name: _distribution(parameter) for parameter in space.parameters}


def _distribution(parameter: Parameter) -> BaseDistribution:
    from optuna.distributions import (
        CategoricalDistribution,
        FloatDistribution,
        IntDistribution,
    )

    if not parameter.is_numeric:
        count = parameter.count or 0
        return CategoricalDistribution([parameter.level(place) for place in range(count)])
    assert parameter.minimum is not None
    assert parameter.maximum is not None
    log = parameter.scale is Scale.LOG
    if parameter.type is ParameterType.INTEGER:
        low, high = int(parameter.minimum), int(parameter.maximum)
        return IntDistribution(low, high, log=log, step=int(parameter.step or 1))
    low_float, high_float = float(parameter.minimum), float(parameter.maximum)
    return FloatDistribution(low_float, high_float, log=log, step=parameter.step)


@contextmanager
def quietly() -> Iterator[None]:
    """Keep Optuna's log lines and its warnings about experimental features to itself."""
    import optuna

    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        optuna.logging.set_verbosity(verbosity)


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]
