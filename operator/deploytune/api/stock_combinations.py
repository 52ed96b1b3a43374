"""Combinations of parameters that the stock trial refuses, found before the first trial meets one.

A parameter that would have no effect is an error in a trial, so the space must keep it inactive
with `when`, or exclude the combination. Each rule looks at the few parameters it is about: those,
and what their conditions name, are a small space of their own whose configurations are walked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice

from deploytune.api.translate import problem_of
from deploytune.api.tuning import TuningSpec
from deploytune.contract.errors import InvalidTuningError
from deploytune.contract.parameters import TRIAL_PARAMETERS
from deploytune.contract.workload import MODEL_PARAMETER, ModelSource
from deploytune.search.space import Configuration, Space

_MOST_COMBINATIONS = 20_000
_STATIC = "int8-static"
_CALIBRATION = ("calibrationMethod", "calibrationSamples")
_ONNXRUNTIME, _PYTORCH = "onnxruntime", "pytorch"

_Why = Callable[[Configuration, ModelSource], str | None]


def check_combinations(spec: TuningSpec) -> None:
    """Refuse a space with a configuration that the stock trial would refuse.

    Raises:
        InvalidTuningError: names the parameter, the rule and the combination.
    """
    space = problem_of(spec, place="").space
    for name, others, why in _RULES:
        if any(parameter.name == name for parameter in space.parameters):
            _check(spec, space, name, others, why)


def _check(spec: TuningSpec, space: Space, name: str, others: tuple[str, ...], why: _Why) -> None:
    part = _part_about(space, {name, *others})
    for configuration in islice(part.configurations(), _MOST_COMBINATIONS):
        model = _model_of(spec, configuration)
        rule = why(configuration, model) if name in configuration else None
        if rule is not None:
            raise InvalidTuningError(
                space[name].path,
                f"{rule}: keep it inactive by `when`, or exclude this",
                configuration,
            )


def _part_about(space: Space, names: Iterable[str]) -> Space:
    """Return the space of some parameters, of those that their conditions name, and so on.

    An exclusion that also names others leaves some of its combinations: it is left out.
    """
    wanted = set(names)
    for parameter in reversed(space.activation_order):
        if parameter.name in wanted:
            wanted.update(parameter.when)
    return Space(
        tuple(parameter for parameter in space.parameters if parameter.name in wanted),
        tuple(excluded for excluded in space.exclude if excluded.keys() <= wanted),
    )


def _model_of(spec: TuningSpec, configuration: Configuration) -> ModelSource:
    models = spec.workload.models
    name = configuration.get(MODEL_PARAMETER)
    return next((model for model in models if model.name == name), models[0])


def _own_backend(model: ModelSource) -> str:
    return _PYTORCH if model.is_python else _ONNXRUNTIME


def _runs_another_kind(configuration: Configuration, model: ModelSource) -> str | None:
    own = _own_backend(model)
    if configuration["backend"] == own:
        return None
    return f"must be {own} for model {model.name!r}"


def _is_static_in_torch(configuration: Configuration, model: ModelSource) -> str | None:
    backend = configuration.get("backend", _own_backend(model))
    if configuration["precision"] != _STATIC or backend != _PYTORCH:
        return None
    return f"must not be {_STATIC} with backend {_PYTORCH}"


def _calibrates_nothing(configuration: Configuration, _: ModelSource) -> str | None:
    if configuration.get("precision") == _STATIC:
        return None
    return f"has an effect with precision {_STATIC} only"


def _has_no_effect_on(owner: str) -> _Why:
    def has_no_effect(configuration: Configuration, model: ModelSource) -> str | None:
        if configuration.get("backend", _own_backend(model)) == owner:
            return None
        return f"has an effect with backend {owner} only"

    return has_no_effect


def _rules() -> Iterator[tuple[str, tuple[str, ...], _Why]]:
    yield "backend", (MODEL_PARAMETER,), _runs_another_kind
    yield "precision", (MODEL_PARAMETER, "backend"), _is_static_in_torch
    for name in _CALIBRATION:
        yield name, ("precision",), _calibrates_nothing
    for name, parameter in TRIAL_PARAMETERS.items():
        if parameter.when_backend is not None:
            yield name, (MODEL_PARAMETER, "backend"), _has_no_effect_on(parameter.when_backend)


_RULES = tuple(_rules())
"""The parameter that a rule is told on, the others that it looks at, and why it is broken."""
