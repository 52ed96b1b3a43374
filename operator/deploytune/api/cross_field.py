"""Rules across the fields of one model: each in words, as CEL for the API server, and in Python.

The words stand once. `holds` is None where Python keeps the rule at construction of another type
(the search's, the contract's), which says it in the same words, or where there
is no old value to compare with; a test breaks every rule and compares.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from deploytune.api.trial import TrialSpecRecord
from deploytune.api.tuning import (
    AlgorithmName,
    AlgorithmSpec,
    ConstraintSpec,
    DeploymentTuning,
    ParameterSpec,
    TrialSpec,
    TuningSpec,
)
from deploytune.contract.errors import InvalidTuningError
from deploytune.contract.workload import LoadProfile

_PLACEHOLDER = re.compile(r"{([A-Za-z.]+)}")
_NUMBER = re.compile(r" = {[A-Za-z.]+}")


@dataclass(frozen=True)
class Rule:
    """One rule: the field it is told on, its words, its CEL, and its Python if it has its own.

    `words` may name fields of the model in braces, whose values are then shown; the API server
    shows those of words, and leaves out those of numbers (` = {max}`), whose length has no bound.
    """

    field: str
    words: str
    cel: str
    holds: Callable[[Any], bool] | None = None

    def message_for(self, model: BaseModel) -> str:
        """Return the words with the model's values in place."""
        return _PLACEHOLDER.sub(lambda match: str(value_at(model, match[1])), self.words)

    def as_validation(self) -> dict[str, str]:
        """Return the rule as a CRD holds it."""
        words = _NUMBER.sub("", self.words)
        shows_values = _PLACEHOLDER.search(words) is not None
        message = (
            {"messageExpression": _as_expression(words)} if shows_values else {"message": words}
        )
        place = {"fieldPath": f".{self.field}"} if self.field else {}
        return {"rule": self.cel, **message, **place}


def value_at(model: BaseModel, path: str) -> Any:
    """Return the value of a field by its path in YAML words."""
    value: Any = model
    for part in path.split("."):
        own = next(name for name, field in type(value).model_fields.items() if field.alias == part)
        value = getattr(value, own)
    return value


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
            shown = ... if value is None else value
            raise InvalidTuningError(path, rule.message_for(model), shown)
    for path, part in _parts(model, place):
        check_across_fields(part, path)


def _parts(model: BaseModel, place: str) -> Iterator[tuple[str, BaseModel]]:
    for name, field in type(model).model_fields.items():
        value = getattr(model, name)
        path = f"{place}.{field.alias}" if place else str(field.alias)
        if isinstance(value, BaseModel):
            yield path, value
        elif isinstance(value, tuple):
            for number, item in enumerate(value):
                if isinstance(item, BaseModel):
                    yield f"{path}[{number}]", item


def _as_expression(words: str) -> str:
    parts = _PLACEHOLDER.split(words)
    texts = [f"'{part}'" if place % 2 == 0 else f"self.{part}" for place, part in enumerate(parts)]
    return " + ".join(text for text in texts if text != "''")


_NUMERIC = "self.type in ['Integer', 'Float']"
_FINISHED = (
    "has(oldSelf.status) && has(oldSelf.status.conditions) && oldSelf.status.conditions"
    ".exists(c, c.type == 'Finished' && c.status == 'True')"
)


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


def _is_immutable(field: str) -> Rule:
    return Rule(field, "is immutable", f"self.{field} == oldSelf.{field}")


RULES: Mapping[type[BaseModel], tuple[Rule, ...]] = {
    DeploymentTuning: (
        Rule(
            "",
            "metadata.name must have at most 50 characters, none of them a dot",
            "size(self.metadata.name) <= 50 && !self.metadata.name.contains('.')",
        ),
        Rule(
            "",
            "spec.budget may not change once the tuning is finished",
            f"!({_FINISHED}) || self.spec.budget == oldSelf.spec.budget",
        ),
    ),
    TuningSpec: (
        Rule(
            "parallelTrials",
            "must be less than or equal to budget.maxTrials = {budget.maxTrials}",
            "self.parallelTrials <= self.budget.maxTrials",
            lambda spec: spec.parallel_trials <= spec.budget.max_trials,
        ),
        *map(
            _is_immutable,
            ("objectives", "constraints", "searchSpace", "nodePools", "algorithm", "workload"),
        ),
    ),
    TrialSpec: (_is_immutable("latencyAbortFactor"),),
    TrialSpecRecord: (Rule("", "is immutable", "self == oldSelf"),),
    ConstraintSpec: (
        Rule(
            "",
            "exactly one of max and min must be set",
            "has(self.max) != has(self.min)",
            lambda constraint: (constraint.max is None) != (constraint.min is None),
        ),
    ),
    AlgorithmSpec: (
        Rule(
            "preset",
            "may not be set when name is {name}",
            "self.name == 'TBA' || !has(self.preset)",
        ),
        Rule("preset", "must be Paper when name is TBA", "self.name != 'TBA' || has(self.preset)"),
        Rule(
            "sampler",
            "may not be set when name is {name}",
            "self.name == 'Optuna' || !has(self.sampler)",
        ),
        Rule(
            "sampler",
            "must be set when name is Optuna",
            "self.name != 'Optuna' || has(self.sampler)",
            lambda algorithm: (
                algorithm.name is not AlgorithmName.OPTUNA or algorithm.sampler is not None
            ),
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
        _load_needs("concurrency", "ClosedLoop"),
        _load_lacks("ratePerSecond", "ClosedLoop"),
    ),
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
