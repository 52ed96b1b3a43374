"""Rules across the fields of one model: each in words, as CEL for the API server, and in Python.

The words stand once. `holds` is None where Python keeps the rule at construction of another type
(the search's, the contract's), which says it in the same words, or where there
is no old value to compare with; a test breaks every rule and compares.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel

from deploytune.api.field_rules import Rule, Rules, exactly_one_of, value_at
from deploytune.api.immutability import IMMUTABLE
from deploytune.api.pod_rules import POD_RULES
from deploytune.api.tuning import (
    POOL_PARAMETER,
    AlgorithmSpec,
    ConstraintSpec,
    DeploymentTuning,
    ParameterSpec,
    TuningSpec,
)
from deploytune.contract.errors import InvalidTuningError
from deploytune.contract.models import Scalar
from deploytune.contract.workload import LoadProfile

_SEVERAL = 2


def rules_of(model: type[BaseModel]) -> tuple[Rule, ...]:
    """Return the rules of a model."""
    return RULES.get(model, ())


def check_across_fields(model: BaseModel, place: str = "") -> None:
    """Refuse a model in which fields contradict each other, however deep.

    Raises:
        InvalidTuningError: names the field and the rule.
    """
    for rule in rules_of(type(model)):
        if rule.holds is not None and not rule.holds(model):
            path = ".".join(part for part in (place, rule.field) if part)
            value = value_at(model, rule.field) if rule.field else None
            shown = value if isinstance(value, Scalar) else ...
            raise InvalidTuningError(path, rule.message_for(model), shown)
    for path, part in parts_of(model, place):
        check_across_fields(part, path)


def parts_of(model: BaseModel, place: str) -> Iterator[tuple[str, BaseModel]]:
    """Yield path and model of what a model holds directly."""
    for name, field in type(model).model_fields.items():
        value = getattr(model, name)
        path = f"{place}.{field.alias}" if place else str(field.alias)
        if isinstance(value, BaseModel):
            yield path, value
        elif isinstance(value, tuple):
            for number, item in enumerate(value):
                if isinstance(item, BaseModel):
                    yield f"{path}[{number}]", item


_NUMERIC = "self.type in ['Integer', 'Float']"


def _needs_a_range(field: str) -> Rule:
    return Rule(field, "must be set when type is {type}", f"!({_NUMERIC}) || has(self.{field})")


def _has_no_range(field: str) -> Rule:
    return Rule(field, "may not be set when type is {type}", f"{_NUMERIC} || !has(self.{field})")


def _is_whole(field: str) -> Rule:
    whole = f"!has(self.{field}) || self.{field} == double(int(self.{field}))"
    return Rule(
        field, "must be a whole number when type is Integer", f"self.type != 'Integer' || {whole}"
    )


def _load_needs(field: str, load: str) -> Rule:
    return Rule(
        "",
        f"{field} must be set when type is {{type}}",
        f"self.type != '{load}' || has(self.{field})",
    )


def _load_lacks(field: str, load: str) -> Rule:
    return Rule(
        "",
        f"{field} may not be set when type is {{type}}",
        f"self.type != '{load}' || !has(self.{field})",
    )


_OWN: Rules = {
    DeploymentTuning: (
        Rule(
            "",
            "metadata.name must have at most 50 characters, none of them a dot",
            "size(self.metadata.name) <= 50 && !self.metadata.name.contains('.')",
        ),
    ),
    TuningSpec: (
        Rule(
            "parallelTrials",
            "must be less than or equal to budget.maxTrials = {budget.maxTrials}",
            "self.parallelTrials <= self.budget.maxTrials",
            lambda spec: spec.parallel_trials <= spec.budget.max_trials,
        ),
        Rule(
            "searchSpace",
            "may not have a parameter named pool when there are several pools",
            f"size(self.nodePools) < {_SEVERAL} || "
            f"!self.searchSpace.parameters.exists(p, p.name == '{POOL_PARAMETER}')",
            lambda spec: (
                len(spec.node_pools) < _SEVERAL
                or all(one.name != POOL_PARAMETER for one in spec.search_space.parameters)
            ),
        ),
    ),
    ConstraintSpec: (exactly_one_of("max", "min"),),
    AlgorithmSpec: (
        Rule(
            "preset",
            "may not be set when name is {name}",
            "self.name == 'TBA' || !has(self.preset)",
        ),
        Rule(
            "sampler",
            "may not be set when name is {name}",
            "self.name == 'Optuna' || !has(self.sampler)",
        ),
        Rule(
            "sampler",
            "must be set when name is Optuna",
            "self.name != 'Optuna' || has(self.sampler)",
            lambda algorithm: algorithm.name != "Optuna" or algorithm.sampler is not None,
        ),
    ),
    ParameterSpec: (
        *map(_needs_a_range, ("min", "max")),
        *map(_has_no_range, ("min", "max", "step")),
        Rule(
            "scale", "may not be set when type is {type}", f"{_NUMERIC} || self.scale == 'Linear'"
        ),
        *map(_is_whole, ("min", "max", "step")),
        Rule(
            "min",
            "must be less than or equal to max = {max}",
            "!has(self.min) || !has(self.max) || self.min <= self.max",
        ),
        Rule(
            "min",
            "must be greater than 0 when scale is Log",
            "self.scale != 'Log' || !has(self.min) || self.min > 0.0",
        ),
        Rule(
            "step",
            "may not be set when scale is Log",
            "self.scale != 'Log' || !has(self.step)",
        ),
    ),
    LoadProfile: (
        _load_needs("ratePerSecond", "Poisson"),
        _load_lacks("concurrency", "Poisson"),
        _load_needs("ratePerSecond", "MaxRate"),
        _load_lacks("concurrency", "MaxRate"),
        _load_needs("concurrency", "ClosedLoop"),
        _load_lacks("ratePerSecond", "ClosedLoop"),
    ),
}

_TABLES = (_OWN, POD_RULES, IMMUTABLE)

RULES: Rules = {
    model: tuple(rule for table in _TABLES for rule in table.get(model, ()))
    for model in dict.fromkeys(model for table in _TABLES for model in table)
}
"""Every rule across fields, by the model that it is about."""

FORMS: Mapping[type[BaseModel], Mapping[str, Any]] = {
    ParameterSpec: {
        "anyOf": [
            {"properties": {"type": {"enum": ["Categorical"]}}, "required": ["values"]},
            {
                "properties": {"type": {"enum": ["Integer", "Float", "Boolean"]}},
                "not": {"required": ["values"]},
            },
        ]
    }
}
"""What CEL cannot say: it does not see fields that hold scalars of any kind (ADR 0002)."""
