"""Every rule across fields is broken here, and Python must refuse it in the CRD's own words."""

from __future__ import annotations

import re
from typing import Any

import pytest
from api_builders import Document, a_document, edited, parsed

from deploytune.api.cross_field import RULES, Rule, check_across_fields
from deploytune.api.rules import check_tuning
from deploytune.api.tuning import (
    AlgorithmSpec,
    ConstraintSpec,
    DeploymentTuning,
    ParameterSpec,
    TuningSpec,
)
from deploytune.contract.errors import InvalidTuningError
from deploytune.contract.workload import LoadProfile

WHOLE = "must be a whole number when type is Integer"
NOT_WHEN = "may not be set when type is {type}"

BREAKING: dict[tuple[type, str, str], Document] = {}


def breaks(model: type, field: str, words: str, path: str, value: Any) -> None:
    BREAKING[model, field, words] = edited(path, value)


def breaks_parameter(field: str, words: str, **parameter: Any) -> None:
    breaks(
        ParameterSpec,
        field,
        words,
        "spec.searchSpace.parameters[4]",
        {"name": "x", "type": "Integer", "min": 1, "max": 4, **parameter},
    )


breaks_parameter("min", "must be set when type is {type}", min=None)
breaks_parameter("max", "must be set when type is {type}", max=None)
CHOICE = {"type": "Categorical", "values": ["a"]}
breaks_parameter("min", NOT_WHEN, **CHOICE, max=None)
breaks_parameter("max", NOT_WHEN, **CHOICE, min=None)
breaks_parameter("step", NOT_WHEN, **CHOICE, min=None, max=None, step=1)
breaks_parameter("scale", NOT_WHEN, **CHOICE, min=None, max=None, scale="Log")
breaks_parameter("min", WHOLE, min=0.5)
breaks_parameter("max", WHOLE, max=4.5)
breaks_parameter("step", WHOLE, step=0.5)
breaks_parameter("min", "must be less than or equal to max = {max}", min=5)
breaks_parameter("min", "must be greater than 0 when scale is Log", min=0, scale="Log")
breaks_parameter("step", "may not be set when scale is Log", step=1, scale="Log")
breaks(
    ConstraintSpec,
    "",
    "exactly one of max and min must be set",
    "spec.constraints[0]",
    {"metric": "output_drift"},
)
breaks(
    TuningSpec,
    "parallelTrials",
    "must be less than or equal to budget.maxTrials = {budget.maxTrials}",
    "spec.parallelTrials",
    21,
)
ALGORITHM = "spec.algorithm"
breaks(
    AlgorithmSpec,
    "preset",
    "may not be set when name is {name}",
    ALGORITHM,
    {"name": "Grid", "preset": "Paper"},
)
breaks(AlgorithmSpec, "preset", "must be Paper when name is TBA", ALGORITHM, {"name": "TBA"})
breaks(
    AlgorithmSpec,
    "sampler",
    "may not be set when name is {name}",
    ALGORITHM,
    {"name": "Grid", "sampler": "TPESampler"},
)
breaks(AlgorithmSpec, "sampler", "must be set when name is Optuna", ALGORITHM, {"name": "Optuna"})
LOAD = "spec.workload.loads[2]"
POISSON = {"name": "x", "type": "Poisson", "ratePerSecond": 1}
CLOSED = {"name": "x", "type": "ClosedLoop", "concurrency": 1}
for name, load, field, value in (
    ("ratePerSecond must be set when type is {type}", POISSON, "ratePerSecond", None),
    ("concurrency may not be set when type is {type}", POISSON, "concurrency", 1),
    ("concurrency must be set when type is {type}", CLOSED, "concurrency", None),
    ("ratePerSecond may not be set when type is {type}", CLOSED, "ratePerSecond", 1),
):
    breaks(LoadProfile, "", name, LOAD, {**load, field: value})


def rules_of_new_objects() -> list[tuple[type, Rule]]:
    """Every rule that looks at the spec alone; a tuning's name and a change are others' matter."""
    return [
        (model, rule)
        for model, rules in RULES.items()
        for rule in rules
        if "oldSelf" not in rule.cel and model is not DeploymentTuning
    ]


def test_every_rule_is_broken_here() -> None:
    expected = {(model, rule.field, rule.words) for model, rule in rules_of_new_objects()}

    assert set(BREAKING) == expected


@pytest.mark.parametrize(
    "key", BREAKING, ids=lambda key: f"{key[0].__name__} {key[1]} {key[2]}".replace("{", "")
)
def test_python_refuses_in_the_words_of_the_crd(key: tuple[type, str, str]) -> None:
    _, field, words = key
    with pytest.raises(InvalidTuningError) as caught:
        check_tuning(parsed(without_nothing(BREAKING[key])))

    expected = re.sub(r"\\{[^}]*\\}", ".+", re.escape(words))
    assert re.fullmatch(expected, caught.value.rule)
    assert caught.value.field.endswith(field)


def without_nothing(value: Any) -> Any:
    """Return a document without the fields that are null, as the API server drops them."""
    if isinstance(value, dict):
        return {name: without_nothing(item) for name, item in value.items() if item is not None}
    return [without_nothing(item) for item in value] if isinstance(value, list) else value


def test_what_changes_a_field_is_said_with_its_values() -> None:
    spec = parsed(edited("spec.parallelTrials", 21)).spec

    with pytest.raises(InvalidTuningError, match=r"budget\.maxTrials = 20, got 21$"):
        check_across_fields(spec)


def test_numbers_stay_out_of_the_api_servers_message() -> None:
    rule = next(rule for rule in RULES[ParameterSpec] if "{max}" in rule.words)

    assert rule.as_validation() == {
        "rule": "!has(self.min) || !has(self.max) || self.min <= self.max",
        "message": "must be less than or equal to max",
        "fieldPath": ".min",
    }


def test_words_show_in_the_api_servers_message() -> None:
    rule = RULES[LoadProfile][0]

    assert (
        (rule.as_validation()["messageExpression"])
        == "'ratePerSecond must be set when type is ' + self.type"
    )


def test_a_valid_document_breaks_no_rule() -> None:
    check_across_fields(parsed(a_document()).spec)
