"""How much each parameter decided."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from random import Random

import pytest
from search_builders import a_choice, an_integer

from deploytune.contract.models import Scalar
from deploytune.search.importance import importance_of_parameters
from deploytune.search.space import Space

SPACE = Space(
    (
        a_choice("model", "a", "b", "c"),
        an_integer("threads", 1, 8),
        a_choice("method", "x", "y", when={"model": ("b",)}),
    )
)


def importance(
    loss: Callable[[Mapping[str, Scalar]], float], share: float = 0.2
) -> Mapping[str, float]:
    rng = Random(0)
    drawn = [SPACE.sample(rng) for _ in range(200)]
    configurations = [each for each in drawn if each is not None]
    return importance_of_parameters(SPACE, configurations, [*map(loss, configurations)], share)


LOSSES: Mapping[str, Callable[[Mapping[str, Scalar]], float]] = {
    "model": lambda one: float("abc".index(str(one["model"]))),
    "threads": lambda one: float(one["threads"]),
}


@pytest.mark.parametrize("name", LOSSES)
def test_what_the_loss_hangs_on_decides(name: str) -> None:
    shares = importance(LOSSES[name])
    assert name == max(shares, key=lambda each: shares[each])
    assert shares[name] > 0.6


def test_shares_are_of_one() -> None:
    shares = importance(LOSSES["threads"])
    assert 1.0 == pytest.approx(sum(shares.values()))


def test_a_parameter_that_is_not_always_active_counts_too() -> None:
    shares = importance(lambda one: 0.0 if one.get("method") == "y" else 1.0, share=0.15)
    assert shares["method"] > shares["threads"]


def test_where_nothing_tells_them_apart_nothing_is_said() -> None:
    assert {} == importance(lambda _: 1.0)
