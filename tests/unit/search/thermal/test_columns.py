from __future__ import annotations

import numpy as np
import pytest
from search_builders import a_choice, a_flag, a_float, a_mixed_space, a_small_space, an_integer

from deploytune.search.parameters import Parameter, Scale
from deploytune.search.space import Space
from deploytune.search.thermal.arrays import INACTIVE
from deploytune.search.thermal.columns import Columns

SPACES = {
    "every type, conditional, with an exclusion": a_mixed_space(),
    "ten configurations": a_small_space(),
    "a number of one value, resting at times": Space(
        (a_choice("backend", "a", "b"), an_integer("level", 4, 4, when={"backend": ("a",)}))
    ),
    "a condition on a parameter of one value": Space(
        (a_choice("backend", "a"), a_choice("mode", "x", "y", when={"backend": ("a",)}))
    ),
    "steps and logarithms": Space(
        (
            an_integer("batch", 1, 1024, scale=Scale.LOG),
            an_integer("stride", 0, 90, step=30),
            a_float("share", 0.0, 1.0, step=0.125),
        )
    ),
}


@pytest.fixture(params=list(SPACES.values()), ids=list(SPACES))
def columns(request: pytest.FixtureRequest) -> Columns:
    return Columns.of(request.param)


def rng() -> np.random.Generator:
    return np.random.default_rng(7)


def test_a_drawn_row_is_a_configuration_that_is_valid_unless_excluded(columns: Columns) -> None:
    rows = columns.draw(200, rng())
    configurations = [columns.decode(row) for row in rows]
    excluded = columns.are_excluded(rows)
    assert [not columns.space.is_valid(each) for each in configurations] == list(excluded)


def test_a_configuration_comes_back_from_its_row(columns: Columns) -> None:
    configurations = [columns.decode(row) for row in columns.draw(100, rng())]
    rows = columns.encode(configurations)
    assert configurations == [columns.decode(row) for row in rows]


def test_the_row_of_a_configuration_is_the_one_it_was_drawn_as(columns: Columns) -> None:
    rows = columns.draw(100, rng())
    assert pytest.approx(rows) == columns.encode([columns.decode(row) for row in rows])


def test_every_configuration_of_a_finite_space_is_drawn() -> None:
    space = a_small_space()
    columns = Columns.of(space)
    rows = columns.draw(500, rng())
    drawn = {space.key(columns.decode(row)) for row in rows[~columns.are_excluded(rows)]}
    assert {space.key(each) for each in space.configurations()} == drawn


def test_a_move_changes_one_parameter_and_what_hangs_on_it() -> None:
    columns = Columns.of(Space((a_choice("a", 1, 2, 3), a_choice("b", 1, 2), a_flag("c"))))
    rows = columns.draw(100, rng())
    changed = (columns.move(rows, 0.1, 0.0, rng()) != rows).sum(axis=1)
    assert {1} == set(changed)


def test_a_move_may_change_a_second_parameter() -> None:
    columns = Columns.of(Space((a_choice("a", 1, 2, 3), a_choice("b", 1, 2), a_flag("c"))))
    rows = columns.draw(200, rng())
    changed = (columns.move(rows, 0.1, 1.0, rng()) != rows).sum(axis=1)
    assert 2 in set(changed)


def test_a_move_draws_what_becomes_active_and_rests_what_does_not() -> None:
    space = Space((a_flag("on"), a_choice("mode", "x", "y", "z", when={"on": (True,)})))
    columns = Columns.of(space)
    off = columns.encode([{"on": False}] * 60)
    on = columns.move(off, 0.1, 0.0, rng())
    assert {0.0, 1.0, 2.0} == set(on[:, 1])
    assert {INACTIVE} == set(off[:, 1])


@pytest.mark.parametrize(
    "parameter",
    [an_integer("n", 1, 64, scale=Scale.LOG), an_integer("n", 0, 40), a_float("n", 0, 1)],
    ids=["a logarithmic integer", "an integer", "a continuum"],
)
def test_a_cold_move_of_a_number_stays_near(parameter: Parameter) -> None:
    columns = Columns.of(Space((parameter,)))
    rows = columns.draw(400, rng())
    away = np.abs(columns.move(rows, 0.05, 0.0, rng()) - rows)
    assert away.mean() < 0.12
