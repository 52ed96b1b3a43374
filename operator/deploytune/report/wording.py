"""Configurations and figures as short text."""

from __future__ import annotations

from collections.abc import Mapping

from deploytune.contract.metrics import METRICS, split_metric_key
from deploytune.contract.models import Scalar

_UNITS_IN_WORDS = {"share": "", "ratio": ""}


def describe_parameters(parameters: Mapping[str, Scalar]) -> str:
    """Return a configuration on one line: `model=mlp precision=fp16`."""
    return printable(" ".join(f"{name}={value}" for name, value in parameters.items()))


def describe_value(key: str, value: float, half_width: float | None = None) -> str:
    """Return a metric's value with its unit and, where known, the half-width of its interval."""
    definition = METRICS.get(split_metric_key(key)[0])
    unit = "" if definition is None else _UNITS_IN_WORDS.get(definition.unit, definition.unit)
    spread = "" if half_width is None else f" ± {_short(half_width)}"
    return f"{_short(value)}{spread} {unit}".rstrip()


def describe_seconds(seconds: float) -> str:
    """Return a duration as people say it: `8 s`, `3 min 20 s`, `2 h 5 min`."""
    whole = round(seconds)
    if whole < 60:  # noqa: PLR2004 - seconds in a minute
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:  # noqa: PLR2004 - minutes in an hour
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


def describe_percent(share: float) -> str:
    """Return a share as a percentage: 0.042 as `4.2 %`."""
    return f"{_short(100 * share)} %"


def counted(number: int, thing: str) -> str:
    """Return how many there are of a thing: `1 trial`, `2 trials`."""
    return f"{number} {thing}{'' if number == 1 else 's'}"


def printable(text: str) -> str:
    """Return what others wrote on one line, without what a terminal would obey."""
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() else " " for letter in text)


def _short(value: float) -> str:
    value += 0.0  # no "-0"
    return f"{value:.4g}" if abs(value) < 10_000 else f"{value:.0f}"  # noqa: PLR2004 - readable
