from __future__ import annotations

from collections.abc import Mapping
from random import Random

import pytest
from search_builders import a_choice, a_flag, a_float, a_mixed_space, an_integer

from deploytune.contract.models import Scalar
from deploytune.search.neighbours import neighbour
from deploytune.search.space import Space

START: dict[str, Scalar] = {
    "backend": "onnxruntime",
    "precision": "fp32",
    "threads": 4,
    "batch": 8,
    "delay": 0.03,
    "pinned": False,
}


def changes(space: Space, start: Mapping[str, Scalar], share: float, times: int = 200) -> set[str]:
    changed: set[str] = set()
    for seed in range(times):
        moved = neighbour(space, start, Random(seed), share)
        assert space.broken_rule(moved) is None or space.is_excluded(moved)
        changed.update(name for name, value in start.items() if moved.get(name) != value)
    return changed


def test_a_structural_move_changes_choices() -> None:
    structural = {"backend", "precision", "batch", "pinned"}
    assert structural <= changes(a_mixed_space(), START, 1.0) <= {*structural, "threads"}


def test_a_local_move_changes_numbers() -> None:
    assert changes(a_mixed_space(), START, 0.0) == {"threads", "delay"}


def test_a_local_move_stays_near() -> None:
    space = Space((an_integer("x", 0, 100),))
    moved = [neighbour(space, {"x": 50}, Random(seed), 0.0)["x"] for seed in range(200)]
    assert all(isinstance(x, int) and x != 50 and 10 < x < 90 for x in moved)


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_the_only_sort_of_parameter_is_moved(share: float) -> None:
    assert changes(Space((a_flag("x"),)), {"x": True}, share) == {"x"}
    assert changes(Space((a_float("x", 0, 1),)), {"x": 0.5}, share) == {"x"}
    assert changes(Space((an_integer("x", 1, 2),)), {"x": 2}, share) == {"x"}


def test_where_nothing_can_move_the_start_is_returned() -> None:
    space = Space((a_choice("x", 1), an_integer("y", 2, 2)))
    assert neighbour(space, {"x": 1, "y": 2}, Random(1), 0.5) == {"x": 1, "y": 2}
