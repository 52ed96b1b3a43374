"""The one translation from a tuning to a search problem.

The rules of parameters, conditions and exclusions are the search's own: they are kept when its
types are constructed, and their messages name the tuning's fields.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from deploytune.api.cross_field import check_across_fields
from deploytune.api.field_errors import read_as
from deploytune.api.tuning import (
    POOL_PARAMETER,
    AlgorithmSpec,
    ConstraintSpec,
    ParameterSpec,
    SearchSpec,
    TuningSpec,
)
from deploytune.contract.errors import InvalidTuningError
from deploytune.contract.limits import Limit
from deploytune.contract.metrics import METRICS
from deploytune.contract.models import Scalar
from deploytune.search.problem import Algorithm, Constraint, Objective, Problem
from deploytune.search.space import Parameter, ParameterType, Space
from deploytune.search.strategies import strategy_for

__all__ = ["POOL_PARAMETER", "load_problem", "problem_of"]

_SEVERAL = 2


def load_problem(mapping: Mapping[str, object]) -> Problem:
    """Return the search problem of somebody's own function.

    Args:
        mapping: the keys of a tuning's `spec` that concern the search: `objectives`,
            `constraints`, `searchSpace`, `budget`, `algorithm`. Metric names are free.

    Raises:
        InvalidTuningError: names the field, the rule and the value.
        MachineError: the algorithm needs a package that is not installed.
    """
    spec = read_as(SearchSpec, dict(mapping))
    check_across_fields(spec)
    problem = problem_of(spec, place="")
    strategy_for(problem.algorithm)  # refuses settings that the algorithm does not take
    return problem


def problem_of(spec: SearchSpec, place: str = "spec") -> Problem:
    """Return the search problem of a tuning's spec; `place` is the spec's own path.

    Raises:
        InvalidTuningError: a parameter, condition, exclusion or initial configuration breaks a
            rule of the search.
    """
    try:
        return _problem_of(spec)
    except InvalidTuningError as error:
        raise error.under(place) from error


def _problem_of(spec: SearchSpec) -> Problem:
    objective = spec.objectives[0]
    pools = _pools_to_choose_from(spec)
    space = _space_of(spec, pools)
    return Problem(
        space=space,
        objective=Objective(objective.key, objective.direction),
        constraints=tuple(map(_constraint_of, spec.constraints)),
        max_trials=spec.budget.max_trials,
        algorithm=_algorithm_of(spec.algorithm),
        initial=tuple(_in_a_pool(given, space, pools) for given in spec.search_space.initial),
    )


def _in_a_pool(
    given: Mapping[str, Scalar], space: Space, pools: tuple[str, ...]
) -> Mapping[str, Scalar]:
    """Return a configuration with a pool: the first with which it may be tried, if it names none.

    Where it may be tried in none, it gets the first, and is refused with that.
    """
    if not pools or POOL_PARAMETER in given:
        return given
    placed = [{POOL_PARAMETER: pool, **given} for pool in pools]
    return next((each for each in placed if space.is_valid(each)), placed[0])


def _space_of(spec: SearchSpec, pools: tuple[str, ...]) -> Space:
    """Return the space; its default pool is the first in which the other defaults may be tried."""
    parameters = tuple(
        _parameter_of(parameter, f"searchSpace.parameters[{number}]")
        for number, parameter in enumerate(spec.search_space.parameters)
    )
    if not pools:
        return Space(parameters, spec.search_space.exclude)
    pool = Parameter(
        name=POOL_PARAMETER,
        type=ParameterType.CATEGORICAL,
        values=pools,
        default=pools[0],
        path="nodePools",
    )
    space = Space((pool, *parameters), spec.search_space.exclude)
    if space.defaults() is not None:
        return space
    takes_defaults = (name for name in pools if space.defaults({POOL_PARAMETER: name}) is not None)
    pool = replace(pool, default=next(takes_defaults, pools[0]))
    return space if pool.default == pools[0] else replace(space, parameters=(pool, *parameters))


def _pools_to_choose_from(spec: SearchSpec) -> tuple[str, ...]:
    """Return the names of the pools where there are several, so that the choice is a parameter."""
    names = tuple(pool.name for pool in spec.node_pools) if isinstance(spec, TuningSpec) else ()
    return names if len(names) >= _SEVERAL else ()


def _parameter_of(spec: ParameterSpec, path: str) -> Parameter:
    return Parameter(
        name=spec.name,
        type=spec.type,
        values=spec.values or (),
        minimum=spec.min,
        maximum=spec.max,
        step=spec.step,
        scale=spec.scale,
        when=MappingProxyType(spec.when),
        default=spec.default,
        path=path,
    )


def _constraint_of(spec: ConstraintSpec) -> Constraint:
    limit = Limit(metric=spec.key, max=spec.max, min=spec.min)
    known = METRICS.get(spec.metric)
    return Constraint(limit) if known is None else Constraint(limit, known.scale)


def _algorithm_of(spec: AlgorithmSpec) -> Algorithm:
    return Algorithm(
        name=spec.name,
        settings=MappingProxyType(spec.settings),
        seed=spec.seed,
        preset=spec.preset,
        sampler=spec.sampler,
    )
