"""Combinations of parameters that the stock trial refuses, found before the first trial meets one.

What its builders cannot honour together is excluded from the space, as if the user had excluded it.
A parameter that would have no effect is an error, and so is a value that no configuration could
have. To find them, each rule's parameters, and what their conditions name, are walked as a small
space of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import islice, product

from deploytune.api.translate import problem_of
from deploytune.api.tuning import POOL_PARAMETER, DeploymentTuning, TuningSpec
from deploytune.contract.builders import (
    Condition,
    Refusal,
    device_needs,
    refusals,
    related_to,
    value_of,
    why_without_effect,
)
from deploytune.contract.errors import InvalidTuningError
from deploytune.contract.models import Scalar
from deploytune.contract.parameters import TRIAL_PARAMETERS
from deploytune.contract.workload import MODEL_PARAMETER, ModelSource
from deploytune.search.space import Configuration, Space

_MOST_COMBINATIONS = 20_000
_SEVERAL = 2

Assignment = Mapping[str, Scalar]
_RefusedFor = Callable[[ModelSource], Iterable[Condition]]
_Why = Callable[[Configuration, ModelSource], str | None]


def without_refused(tuning: DeploymentTuning) -> DeploymentTuning:
    """Return the tuning with what the stock trial refuses among its exclusions."""
    derived = tuple(_exclusions(tuning.spec))
    if not derived:
        return tuning
    return tuning.model_copy(update={"spec": _excluding(tuning.spec, derived)})


def check_combinations(spec: TuningSpec) -> None:
    """Refuse a space with a parameter of no effect, or with a value that is always refused.

    Refused is also what the builders leave nothing of, and an initial configuration that they
    refuse.

    Raises:
        InvalidTuningError: names the parameter, the rule and the combination.
    """
    problem_of(spec, place="")  # what is refused from here on, the builders refuse
    whole = _excluding(spec, tuple(_exclusions(spec)))
    space = _space_left(whole)
    for name, others, why in _rules(spec):
        if any(parameter.name == name for parameter in space.parameters):
            _check(spec, space, name, others, why)
    try:
        problem_of(whole, place="")
    except InvalidTuningError as error:
        rule = _why_builders_refuse(spec, error.value)
        raise InvalidTuningError(error.field, rule, error.value) from error


def excluded_counts(spec: TuningSpec, *, by_builders: bool) -> Iterator[tuple[str, int]]:
    """Yield why configurations are excluded, and how many each reason takes from what was left.

    Nothing where there are too many to count. `by_builders` asks for what the stock trial refuses,
    too.
    """
    written = spec.search_space.exclude
    steps: list[tuple[str, Sequence[Assignment]]] = [("by searchSpace.exclude", written)]
    steps += _derived_by_rule(spec).items() if by_builders else ()
    bare = spec.search_space.model_copy(update={"exclude": (), "initial": ()})
    spec = spec.model_copy(update={"search_space": bare})
    left = _size_of(spec)
    for rule, assignments in steps:
        spec = _excluding(spec, assignments)
        before, left = left, _size_of(spec)
        if before is None or left is None:
            return
        if before > left:
            yield rule, before - left


def _size_of(spec: TuningSpec) -> int | None:
    try:
        return problem_of(spec, place="").space.size
    except InvalidTuningError:  # nothing is left
        return 0


def _derived_by_rule(spec: TuningSpec) -> dict[str, tuple[Assignment, ...]]:
    """Return what the builders refuse, by their words for it."""
    by_rule: dict[str, tuple[Assignment, ...]] = {}
    for assignment in _exclusions(spec):
        rule = f"by the builders: {_why_builders_refuse(spec, assignment)}"
        by_rule[rule] = (*by_rule.get(rule, ()), assignment)
    return by_rule


def _excluding(spec: TuningSpec, derived: Sequence[Assignment]) -> TuningSpec:
    """Return the spec with more excluded than the user wrote."""
    # Copied, not validated: the bound on what a user writes is none on what is derived.
    excluded = (*spec.search_space.exclude, *derived)
    space = spec.search_space.model_copy(update={"exclude": excluded})
    return spec.model_copy(update={"search_space": space})


def _space_left(spec: TuningSpec) -> Space:
    search_space = spec.search_space.model_copy(update={"initial": ()})
    try:
        return problem_of(spec.model_copy(update={"search_space": search_space}), place="").space
    except InvalidTuningError as error:
        rule = f"{error.rule} of those that the builders take"
        raise InvalidTuningError("searchSpace.parameters", rule) from error


def _why_builders_refuse(spec: TuningSpec, configuration: object) -> str:
    """Return why a configuration that the user has not excluded is excluded all the same."""
    assert isinstance(configuration, Mapping), "the space shows what it refuses"
    model = _model_of(spec, configuration)
    refused = (one for one in refusals(model) if one.holds(configuration, model))
    rules = (f"{one.parameter} {one.rule}" for one in refused)
    needs = "must have a pool with a device, by its backend or its execution provider"
    return next(rules, needs)


def _exclusions(spec: TuningSpec) -> Iterator[Assignment]:
    """Yield the partial assignments that are refused, those of one value left out.

    Such a value is refused with everything: the user is told instead. Where some pools have devices
    and some have none, what needs one is excluded from those.
    """
    refused = _refused(spec, lambda model: (one.values for one in refusals(model)))
    yield from (assignment for assignment in refused if len(assignment) >= _SEVERAL)
    without_device = [pool.name for pool in spec.node_pools if not pool.resources.devices]
    if len(without_device) < len(spec.node_pools):
        for pool in without_device:
            for assignment in _refused(spec, device_needs):
                yield {POOL_PARAMETER: pool, **assignment}


def _refused(spec: TuningSpec, refused_for: _RefusedFor) -> Iterator[Assignment]:
    """Yield what is refused; of a combination that every model refuses, the model is left out."""
    choices, models = _choices(spec), _models(spec)
    refused_by: dict[tuple[tuple[str, Scalar], ...], list[ModelSource]] = {}
    for model in models:
        for condition in refused_for(model):
            for assignment in _assignments(condition, choices, model):
                refused_by.setdefault(assignment, []).append(model)
    for assignment, refusing in refused_by.items():
        if len(refusing) == len(models):
            yield dict(assignment)
        else:
            yield from ({MODEL_PARAMETER: model.name, **dict(assignment)} for model in refusing)


def _assignments(
    refused: Condition, choices: Mapping[str, tuple[Scalar, ...]], model: ModelSource
) -> Iterator[tuple[tuple[str, Scalar], ...]]:
    """Yield what of a refusal a space can have; what it does not choose is as if it were absent."""
    chosen = [name for name in refused if name in choices]
    constant = all(
        value_of(name, {}, model) in values
        for name, values in refused.items()
        if name not in chosen
    )
    if constant:
        possible = [[value for value in choices[name] if value in refused[name]] for name in chosen]
        yield from (tuple(zip(chosen, values, strict=True)) for values in product(*possible))


def _choices(spec: TuningSpec) -> dict[str, tuple[Scalar, ...]]:
    return {
        parameter.name: parameter.values
        for parameter in spec.search_space.parameters
        if parameter.values is not None
    }


def _models(spec: TuningSpec) -> tuple[ModelSource, ...]:
    """Return the models that the space may choose."""
    chosen = _choices(spec).get(MODEL_PARAMETER)
    models = spec.workload.models
    return models if chosen is None else tuple(one for one in models if one.name in chosen)


def _check(spec: TuningSpec, space: Space, name: str, others: Iterable[str], why: _Why) -> None:
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


def _model_of(spec: TuningSpec, configuration: Assignment) -> ModelSource:
    models = spec.workload.models
    name = configuration.get(MODEL_PARAMETER)
    return next((model for model in models if model.name == name), models[0])


def _rules(spec: TuningSpec) -> Iterator[tuple[str, Iterable[str], _Why]]:
    """Yield the parameter that a rule is told on, the others it looks at, and why it is broken."""
    for refused in {tuple(one.values): one for model in _models(spec) for one in refusals(model)}:
        yield refused[-1], (MODEL_PARAMETER, *refused), partial(_why_refused, refused)
    for name in TRIAL_PARAMETERS:
        yield name, related_to(name), partial(why_without_effect, name)


def _why_refused(
    names: tuple[str, ...], configuration: Configuration, model: ModelSource
) -> str | None:
    found: Iterator[Refusal] = (one for one in refusals(model) if tuple(one.values) == names)
    return next((one.rule for one in found if one.holds(configuration, model)), None)
