from __future__ import annotations

from collections.abc import Mapping
from random import Random
from typing import Any

import pytest
from search_builders import (
    a_choice,
    a_flag,
    a_float,
    a_mixed_space,
    a_small_space,
    an_integer,
)

from deploytune.contract.errors import InvalidTuningError
from deploytune.contract.models import Scalar
from deploytune.search.space import Parameter, Space


def test_a_space_needs_a_parameter() -> None:
    with pytest.raises(InvalidTuningError, match=r"^searchSpace\.parameters: must not be empty$"):
        Space(())


@pytest.mark.parametrize(
    ("parameters", "exclude", "message"),
    [
        (
            (a_flag("x"), a_flag("x")),
            (),
            "searchSpace.parameters[x].name: must be unique, got 'x'",
        ),
        (
            (a_choice("x", 1, when={"y": (1,)}),),
            (),
            "searchSpace.parameters[x].when.y: must be a parameter of the space (x), got 'y'",
        ),
        (
            (a_choice("x", 1, when={"y": (3,)}), a_choice("y", 1, 2)),
            (),
            "searchSpace.parameters[x].when.y: must be one of 1, 2, got 3",
        ),
        (
            (a_choice("x", 1, when={"y": (1,)}), a_choice("y", 1, when={"x": (1,)})),
            (),
            "searchSpace.parameters[x].when: may not depend on itself, got {'y': (1,)}",
        ),
        (
            (a_flag("x"),),
            ({"y": 1},),
            "searchSpace.exclude[0].y: must be a parameter of the space (x), got 'y'",
        ),
        (
            (an_integer("x", 1, 3),),
            ({"x": 1}, {"x": 9}),
            "searchSpace.exclude[1].x: must be less than or equal to 3, got 9",
        ),
        ((a_flag("x"),), ({},), "searchSpace.exclude[0]: must not be empty"),
        (
            (a_flag("x"), a_float("y", 0, 1)),
            ({"x": True}, {"x": False}),
            "searchSpace.exclude: must leave at least one configuration",
        ),
    ],
)
def test_a_space_that_breaks_a_rule_cannot_be_constructed(
    parameters: tuple[Parameter, ...], exclude: tuple[Mapping[str, Any], ...], message: str
) -> None:
    with pytest.raises(InvalidTuningError) as refused:
        Space(parameters, exclude)
    assert message == str(refused.value)


def test_exclusions_that_cannot_be_seen_through_are_refused_in_time() -> None:
    flags = tuple(a_flag(f"x{number}") for number in range(40))
    benign = tuple({f"x{number}": True, f"x{number + 1}": True} for number in range(0, 38, 2))
    contradictory = tuple({"x38": one, "x39": other} for one in _BOTH for other in _BOTH)
    with pytest.raises(InvalidTuningError, match=r"^searchSpace\.exclude: must not make it this"):
        Space(flags, (*benign, *contradictory))


def test_a_space_whose_counting_would_not_end_has_no_size() -> None:
    flags = tuple(a_flag(f"x{number}") for number in range(40))
    one_left = tuple({"x0": False, f"x{number}": True} for number in range(1, 40))
    hidden = tuple({"x0": True, "x38": one, "x39": other} for one in _BOTH for other in _BOTH)
    assert Space(flags, (*one_left, *hidden)).size is None


_BOTH = (True, False)


def test_an_exclusion_of_single_numbers_leaves_a_continuum() -> None:
    space = Space((a_float("x", 0, 1),), tuple({"x": place / 4} for place in range(5)))
    assert space.sample(Random(1)) is not None


A_CONFIGURATION: dict[str, Scalar] = {
    "backend": "onnxruntime",
    "precision": "int8",
    "calibration": "MinMax",
    "threads": 2,
    "batch": 8,
    "delay": 0.5,
    "pinned": False,
}


def test_a_configuration_of_all_active_parameters_is_valid() -> None:
    assert a_mixed_space().is_valid(A_CONFIGURATION)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"colour": "red"}, "given.colour: must be a parameter of the space (backend, "),
        ({"threads": None}, "given.threads: must be set"),
        (
            {"samples": 5},
            "given.samples: may not be set unless calibration is Entropy, got 5",
        ),
        ({"threads": 9}, "given.threads: must be less than or equal to 8, got 9"),
        (
            {"backend": "pytorch", "threads": None},
            "given: may not be excluded by searchSpace.exclude, got {'backend': 'pytorch'",
        ),
    ],
)
def test_a_configuration_that_breaks_a_rule_is_refused(
    changes: dict[str, Any], message: str
) -> None:
    changed = {**A_CONFIGURATION, **changes}
    given = {name: value for name, value in changed.items() if value is not None}
    with pytest.raises(InvalidTuningError) as refused:
        a_mixed_space().check(given, "given")
    assert str(refused.value).startswith(message)


def test_a_parameter_may_depend_on_one_that_is_declared_later() -> None:
    space = Space((a_choice("x", 1, 2, when={"y": (True,)}), a_flag("y")))
    assert list(space.configurations()) == [{"y": False}, {"x": 1, "y": True}, {"x": 2, "y": True}]


def test_the_configurations_come_in_the_order_of_the_space() -> None:
    assert list(a_small_space().configurations())[:4] == [
        {"backend": "onnxruntime", "threads": 1, "batch": 1, "pinned": False},
        {"backend": "onnxruntime", "threads": 1, "batch": 8, "pinned": False},
        {"backend": "onnxruntime", "threads": 2, "batch": 1, "pinned": False},
        {"backend": "onnxruntime", "threads": 2, "batch": 8, "pinned": False},
    ]


def test_a_continuum_is_listed_at_evenly_spread_values() -> None:
    listed = list(Space((a_float("x", 0, 1),)).configurations(continuous_levels=3))
    assert listed == [{"x": 0.0}, {"x": 0.5}, {"x": 1.0}]


def test_the_size_of_a_large_space_is_known_without_listing_it() -> None:
    free = tuple(an_integer(f"x{number}", 1, 1000) for number in range(20))
    space = Space((*free, a_flag("y"), a_flag("z")), ({"y": True, "z": True},))
    assert space.size == 3 * 1000**20


def test_a_continuum_has_no_size() -> None:
    assert a_mixed_space().size is None


def test_a_space_of_too_many_tangled_combinations_has_no_size() -> None:
    flags = tuple(a_flag(f"x{number}") for number in range(20))
    space = Space(flags, tuple({f"x{n}": True, f"x{n + 1}": True} for n in range(0, 20, 2)))
    assert space.size is None


def test_keys_are_free_of_order_and_of_how_a_number_is_written() -> None:
    space = Space((a_float("x", 0, 2), a_flag("y"), a_choice("z", 1, 2)))
    key = space.key({"x": 1.0, "y": True, "z": 1})
    assert key == space.key({"z": 1.0, "y": True, "x": 1})
    assert hash(key) == hash(space.key({"z": 1.0, "y": True, "x": 1}))


def test_keys_tell_a_boolean_from_a_number() -> None:
    flag, number = Space((a_flag("x"),)), Space((a_choice("x", 0, 1),))
    assert flag.key({"x": True}) != number.key({"x": 1})


def test_the_defaults_are_the_defaults_of_the_active_parameters() -> None:
    space = Space(
        (
            a_choice("backend", "onnxruntime", "pytorch", default="pytorch"),
            an_integer("threads", 1, 4, when={"backend": ("onnxruntime",)}),
            a_float("delay", 0, 1, default=0),
        )
    )
    assert space.defaults() == {"backend": "pytorch", "delay": 0.0}


def test_there_are_no_defaults_when_an_active_parameter_has_none() -> None:
    assert Space((a_flag("x", default=True), a_flag("y"))).defaults() is None


def test_there_are_no_defaults_when_they_are_excluded() -> None:
    assert Space((a_flag("x", default=True),), ({"x": True},)).defaults() is None


def test_a_drawn_configuration_is_found_among_ever_so_many_exclusions() -> None:
    exclude = tuple({"x": number} for number in range(255))
    space = Space((an_integer("x", 0, 255),), exclude)
    assert space.sample(Random(3)) == {"x": 255}


def test_nothing_is_drawn_when_everything_is_in_the_set_to_avoid() -> None:
    space = a_small_space()
    tried = {space.key(configuration) for configuration in space.configurations()}
    assert space.sample(Random(1), without=tried) is None


def test_a_draw_avoids_a_point_of_a_continuum() -> None:
    space = Space((a_choice("x", 1, 2), a_float("y", 0, 1)), ({"x": 2},))
    tried = frozenset({space.key({"x": 1, "y": 0.5})})
    assert space.key(space.sample(Random(1), tried) or {}) not in tried


def test_all_configurations_of_a_small_space_are_drawn() -> None:
    space, rng = a_small_space(), Random(1)
    drawn = {space.key(space.sample(rng) or {}) for _ in range(300)}
    assert len(drawn) == 10


def test_a_completed_configuration_keeps_what_stays_active() -> None:
    wanted = {**A_CONFIGURATION, "precision": "fp16"}
    completed = a_mixed_space().completed(wanted, Random(1))
    del wanted["calibration"]
    assert wanted == completed


def test_a_parameter_is_found_by_its_name() -> None:
    assert a_mixed_space()["threads"].maximum == 8
