"""Every rule across fields is broken here, and Python must refuse it in the CRD's own words."""

from __future__ import annotations

import re

import pytest
from api_builders import a_cluster_document, a_document, edited, parsed
from change_cases import CHANGES
from rule_cases import CASES, Key, key_name, keys_of_rules

from deploytune.api.cross_field import RULES, check_across_fields
from deploytune.api.rules import check_cluster, check_tuning
from deploytune.api.tuning import DeploymentTuning, ParameterSpec
from deploytune.contract.errors import InvalidTuningError
from deploytune.contract.workload import LoadProfile

OF_THE_SPEC = [key for key in CASES if key[0] is not DeploymentTuning]


def test_every_rule_is_broken_here() -> None:
    assert set(CASES) == keys_of_rules(of_changes=False)


def test_every_rule_of_a_change_is_broken_here() -> None:
    assert set(CHANGES) == keys_of_rules(of_changes=True)


@pytest.mark.parametrize("key", OF_THE_SPEC, ids=key_name)
def test_python_refuses_in_the_words_of_the_crd(key: Key) -> None:
    _, field, words = key
    with pytest.raises(InvalidTuningError) as caught:
        check_tuning(parsed(CASES[key].refused))

    expected = re.sub(r"\\{[^}]*\\}", ".+", re.escape(words))
    assert re.fullmatch(expected, caught.value.rule)
    assert field in caught.value.field


@pytest.mark.parametrize("key", CASES, ids=key_name)
def test_python_accepts_what_stands_beside_it(key: Key) -> None:
    check_across_fields(parsed(CASES[key].accepted).spec)


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
    check_tuning(parsed(a_cluster_document()))
    check_cluster(parsed(a_cluster_document()))
