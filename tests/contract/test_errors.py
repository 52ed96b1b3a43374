from __future__ import annotations

import inspect

from deploytune.contract import errors
from deploytune.contract.errors import DeploytuneError, InvalidTuningError


def test_a_message_names_field_rule_and_value() -> None:
    error = InvalidTuningError("spec.budget.maxTrials", "must be greater than 0", -1)

    assert str(error) == "spec.budget.maxTrials: must be greater than 0, got -1"


def test_without_a_value_none_is_shown() -> None:
    assert str(InvalidTuningError("spec", "must be set")) == "spec: must be set"


def test_a_value_of_none_is_shown() -> None:
    assert str(InvalidTuningError("spec", "must be set", None)) == "spec: must be set, got None"


def test_a_long_value_is_cut() -> None:
    message = str(InvalidTuningError("spec", "must be short", "x" * 500))

    assert len(message) < 150
    assert message.endswith("…")


def test_an_error_may_be_moved_below_a_place() -> None:
    error = InvalidTuningError("budget", "must be set", None)

    assert str(error.under("spec")) == "spec.budget: must be set, got None"
    assert str(error.under("")) == str(error)


def test_the_tree_of_the_docstring_is_the_tree_of_the_classes() -> None:
    lines = (errors.__doc__ or "").splitlines()
    documented = {line.strip("├└─ ").split()[0] for line in lines if line.startswith(("├", "└"))}
    classes = {
        name
        for name, item in inspect.getmembers(errors, inspect.isclass)
        if issubclass(item, DeploytuneError) and item is not DeploytuneError
    }

    assert documented == classes
