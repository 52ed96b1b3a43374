"""Configurations and figures as short text."""

from __future__ import annotations

import pytest

from deploytune.report.wording import (
    describe_parameters,
    describe_seconds,
    describe_value,
    printable,
)


@pytest.mark.parametrize(
    ("expected", "seconds"),
    [
        ("0 s", 0.2),
        ("59 s", 59.4),
        ("1 min", 59.6),
        ("3 min 20 s", 200),
        ("1 h", 3600),
        ("2 h 5 min", 7500),
    ],
)
def test_a_duration_reads_as_people_say_it(expected: str, seconds: float) -> None:
    assert expected == describe_seconds(seconds)


@pytest.mark.parametrize(
    ("expected", "key", "value", "half_width"),
    [
        ("12.35 ms", "latency_p95_ms@steady", 12.3456, None),
        ("12.35 ± 0.5 ms", "latency_p95_ms@steady", 12.3456, 0.5),
        ("0.991", "accuracy", 0.991, None),
        ("12346 inferences/s", "throughput@full", 12345.6, None),
        ("3", "somebodys_own", 3.0, None),
    ],
)
def test_a_value_carries_its_unit_and_its_interval(
    expected: str, key: str, value: float, half_width: float | None
) -> None:
    assert expected == describe_value(key, value, half_width)


def test_a_configuration_stands_on_one_line() -> None:
    assert describe_parameters({"model": "mlp", "instances": 2}) == "model=mlp instances=2"


def test_a_value_cannot_steer_the_terminal_or_pretend_to_be_a_line() -> None:
    assert describe_parameters({"a": "\x1b[2Jx\nb=1"}) == "a= [2Jx b=1"


@pytest.mark.parametrize(
    ("expected", "text"),
    [
        pytest.param("größer als 3 ≥ 2", "größer als 3 ≥ 2", id="as it is"),
        pytest.param(" ]0;title told", "\x1b]0;title\x07told", id="a title"),
        pytest.param("one two", "one\ntwo", id="two lines"),
        pytest.param("a b", "a\u202eb", id="turned round"),
    ],
)
def test_a_text_of_others_stands_on_one_line(expected: str, text: str) -> None:
    assert expected == printable(text)
