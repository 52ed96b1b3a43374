from __future__ import annotations

from random import Random
from typing import Any

import pytest
from search_builders import a_choice, a_flag, a_float, an_integer

from deploytune.contract.errors import InvalidTuningError
from deploytune.search.parameters import Parameter, ParameterType, Scale, same_value

C, I, F, B = ParameterType  # noqa: E741 - one letter per type keeps the table readable


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"name": "", "type": B}, "name: must not be empty"),
        ({"type": C}, "values: must not be empty when type is Categorical"),
        ({"type": B, "values": (True,)}, "values: may not be set when type is Boolean, got [True]"),
        (
            {"type": C, "values": ("a", 1)},
            "values: must all be strings, all numbers or all booleans, got ['a', 1]",
        ),
        ({"type": C, "values": (1.0, float("nan"))}, "values: must be finite, got nan"),
        ({"type": C, "values": (1, 2, 1.0)}, "values: must be unique, got 1 twice"),
        ({"type": C, "values": ("a",), "maximum": 3}, "max: may not be set when type is Categ"),
        ({"type": B, "scale": Scale.LOG}, "scale: may not be set when type is Boolean, got 'Log'"),
        ({"type": I, "maximum": 3}, "min: must be set when type is Integer"),
        ({"type": F, "minimum": 3}, "max: must be set when type is Float"),
        ({"type": F, "minimum": 0, "maximum": float("inf")}, "max: must be finite, got inf"),
        (
            {"type": I, "minimum": 1.5, "maximum": 3},
            "min: must be a whole number when type is Integer, got 1.5",
        ),
        ({"type": I, "minimum": 5, "maximum": 3}, "min: must be less than or equal to max = 3"),
        (
            {"type": F, "minimum": 0, "maximum": 3, "scale": Scale.LOG},
            "min: must be greater than 0 when scale is Log, got 0",
        ),
        (
            {"type": I, "minimum": 1, "maximum": 3, "step": 1, "scale": Scale.LOG},
            "step: may not be set when scale is Log, got 1",
        ),
        ({"type": I, "minimum": 1, "maximum": 3, "step": 0}, "step: must be greater than 0"),
        ({"type": I, "minimum": 1, "maximum": 8, "step": 2}, "step: must divide max - min = 7"),
        ({"type": F, "minimum": 0, "maximum": 1, "step": 0.3}, "step: must divide max - min = 1"),
        ({"type": C, "values": ("a", "b"), "default": "c"}, "default: must be one of a, b, got 'c"),
        (
            {"type": I, "minimum": 1, "maximum": 3, "default": 4},
            "default: must be less than or equal to 3, got 4",
        ),
        ({"type": B, "when": {"backend": ()}}, "when.backend: must not be empty"),
    ],
)
def test_a_parameter_that_breaks_a_rule_cannot_be_constructed(
    fields: dict[str, Any], message: str
) -> None:
    with pytest.raises(InvalidTuningError) as refused:
        Parameter(**{"name": "x", "path": "searchSpace.parameters[2]", **fields})
    assert str(refused.value).startswith(f"searchSpace.parameters[2].{message}")


def test_a_parameter_without_a_path_is_called_by_its_name() -> None:
    with pytest.raises(InvalidTuningError, match=r"^searchSpace\.parameters\[threads\]\.min: "):
        an_integer("threads", 4, 2)


@pytest.mark.parametrize(
    ("parameter", "value", "rule"),
    [
        (a_choice("x", "a", "b"), "a", None),
        (a_choice("x", "a", "b"), "z", "must be one of a, b"),
        (a_choice("x", 1, 8), 8.0, None),
        (a_choice("x", 1, 8), True, "must be one of 1, 8"),
        (a_flag("x"), False, None),
        (a_flag("x"), 0, "must be one of False, True"),
        (an_integer("x", 1, 9, step=2), 3, None),
        (an_integer("x", 1, 9, step=2), 4, "must be 1 plus a multiple of 2"),
        (an_integer("x", 1, 9), 3.0, "must be an integer"),
        (an_integer("x", 1, 9), True, "must be a number"),
        (an_integer("x", 1, 9), "3", "must be a number"),
        (an_integer("x", 1, 9), 0, "must be greater than or equal to 1"),
        (an_integer("x", 1, 2_000_000), 2_000_001, "must be less than or equal to 2000000"),
        (a_float("x", 0, 1), 1, None),
        (a_float("x", 0, 1), float("nan"), "must be greater than or equal to 0"),
        (a_float("x", 0, 1, step=0.1), 0.1 + 0.2, None),
        (a_float("x", 0, 1, step=0.1), 0.35, "must be 0 plus a multiple of 0.1"),
    ],
)
def test_a_value_is_refused_with_the_rule_it_breaks(
    parameter: Parameter, value: Any, rule: str | None
) -> None:
    assert rule == parameter.why_refused(value)


@pytest.mark.parametrize(
    ("parameter", "levels"),
    [
        (a_choice("x", "b", "a"), ["b", "a"]),
        (a_flag("x"), [False, True]),
        (an_integer("x", 2.0, 5.0), [2, 3, 4, 5]),
        (an_integer("x", -2, 4, step=3), [-2, 1, 4]),
        (a_float("x", 0, 0.3, step=0.1), [0.0, 0.1, 0.2, 0.3]),
        (a_float("x", 2, 2), [2.0]),
        (a_float("x", 2, 2, scale=Scale.LOG), [2.0]),
    ],
)
def test_the_values_of_a_parameter_are_counted_and_listed_in_order(
    parameter: Parameter, levels: list[object]
) -> None:
    assert parameter.count == len(levels)
    listed = [parameter.level(place) for place in range(len(levels))]
    assert levels == listed
    assert [type(level) for level in levels] == [type(level) for level in listed]


def test_a_float_without_a_step_is_a_continuum() -> None:
    assert a_float("x", 0, 1).count is None


@pytest.mark.parametrize(
    "parameter",
    [
        an_integer("x", 3, 40),
        an_integer("x", 1, 1000, scale=Scale.LOG),
        an_integer("x", 7, 7, scale=Scale.LOG),
        an_integer("x", 0, 100, step=10),
        a_float("x", -1, 1, step=0.25),
    ],
)
def test_a_number_lies_at_its_own_share_of_the_scale(parameter: Parameter) -> None:
    for place in range(parameter.count or 0):
        level = parameter.level(place)
        assert isinstance(level, int | float)
        assert level == parameter.at(parameter.share_of(level))


@pytest.mark.parametrize("scale", list(Scale))
def test_a_number_of_a_continuum_lies_at_its_own_share_of_the_scale(scale: Scale) -> None:
    parameter = a_float("x", 0.001, 1000, scale=scale)
    assert parameter.at(parameter.share_of(0.5)) == pytest.approx(0.5)
    assert (parameter.at(0.0), parameter.at(1.0)) == pytest.approx((0.001, 1000))


def test_a_log_scale_draws_small_numbers_as_often_as_large_ones() -> None:
    rng = Random(1)
    parameter = an_integer("x", 1, 999, scale=Scale.LOG)
    drawn = [parameter.sample(rng) for _ in range(3000)]
    decades = [sum(low <= int(x) < 10 * low for x in drawn) for low in (1, 10, 100)]
    assert all(900 < decade < 1100 for decade in decades)


def test_the_first_and_the_last_integer_are_drawn_like_the_others() -> None:
    rng = Random(1)
    drawn = [an_integer("x", 1, 4).sample(rng) for _ in range(4000)]
    assert all(900 < drawn.count(value) < 1100 for value in (1, 2, 3, 4))


@pytest.mark.parametrize(
    ("value", "up", "expected"), [(5, True, 6), (5, False, 4), (9, True, 8), (1, False, 2)]
)
def test_the_next_number_turns_back_at_the_ends(value: int, up: bool, expected: int) -> None:  # noqa: FBT001 - a row of the table
    assert expected == an_integer("x", 1, 9).next_to(value, up=up)


@pytest.mark.parametrize(
    ("parameter", "value", "expected"),
    [
        (a_choice("x", 1, 2.5), 1.0, 1),
        (a_choice("x", "a"), "unknown", "unknown"),
        (a_float("x", 0, 2), 1, 1.0),
        (a_float("x", 0, 1, step=0.1), 0.1 + 0.2, 0.3),
        (a_float("x", 0, 1), "unknown", "unknown"),
        (an_integer("x", 0, 1), 1, 1),
    ],
)
def test_a_value_is_written_as_its_parameter_writes_it(
    parameter: Parameter, value: Any, expected: Any
) -> None:
    written = parameter.normalised(value)
    assert (expected, type(expected)) == (written, type(written))


def test_a_default_is_written_as_its_parameter_writes_it() -> None:
    assert isinstance(a_float("x", 0, 2, default=1).default, float)


def test_a_boolean_is_no_number() -> None:
    assert not same_value(True, 1)
    assert same_value(1, 1.0)
    assert not same_value("1", 1)
