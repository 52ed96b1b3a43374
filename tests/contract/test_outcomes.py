from __future__ import annotations

import re

import pytest

from deploytune.contract import outcomes
from deploytune.contract.outcomes import OutcomeKind


def documented() -> dict[str, tuple[str, ...]]:
    """Return the table of the module's docstring: kind -> its cells."""
    lines = (outcomes.__doc__ or "").splitlines()
    start = next(number for number, line in enumerate(lines) if line.split()[:1] == ["kind"])
    rows = [re.split(r"\s{2,}", line.strip()) for line in lines[start + 1 :]]
    end = rows.index([""])
    return {kind: tuple(cells) for kind, *cells in rows[:end]}


def test_the_table_names_every_kind_in_order() -> None:
    assert list(documented()) == list(OutcomeKind)


@pytest.mark.parametrize("kind", OutcomeKind)
def test_the_table_says_what_the_policy_does(kind: OutcomeKind) -> None:
    policy = kind.policy
    answers = [
        "yes" if answer else "no" for answer in (policy.told, policy.charged, policy.retried)
    ]

    assert documented()[kind] == (policy.fault, *answers)


@pytest.mark.parametrize("kind", OutcomeKind)
def test_what_is_told_is_charged_and_what_is_not_is_retried(kind: OutcomeKind) -> None:
    policy = kind.policy

    assert policy.told is policy.charged is not policy.retried
