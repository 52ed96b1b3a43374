"""One dimension of a search space: its values, its conditions, its default.

A parameter that breaks a rule cannot be constructed. Values are compared by kind first, so `True`
is not 1, and by value then, so 1 and 1.0 are the same number.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from functools import cached_property
from random import Random
from types import MappingProxyType

from deploytune.contract.errors import InvalidTuningError
from deploytune.contract.models import Scalar

_STEP_TOLERANCE = 1e-9  # of one step: how far from a multiple a float may be


class ParameterType(StrEnum):
    """What kind of values a parameter takes."""

    CATEGORICAL = "Categorical"
    INTEGER = "Integer"
    FLOAT = "Float"
    BOOLEAN = "Boolean"


class Scale(StrEnum):
    """Whether equal differences or equal ratios matter equally."""

    LINEAR = "Linear"
    LOG = "Log"


@dataclass(frozen=True)
class Parameter:
    """One dimension: `values` of a Categorical, or a range of numbers.

    It is active only where every parameter named in `when` is active and has one of the values
    given there. `path` is where the tuning defines it, for messages.
    """

    name: str
    type: ParameterType
    values: tuple[Scalar, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    step: float | None = None
    scale: Scale = Scale.LINEAR
    when: Mapping[str, tuple[Scalar, ...]] = field(default_factory=lambda: MappingProxyType({}))
    default: Scalar | None = None
    path: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        """Refuse what breaks a rule; the first broken one is named.

        Raises:
            InvalidTuningError: a rule is broken.
        """
        path = self.path or f"searchSpace.parameters[{self.name}]"
        object.__setattr__(self, "path", path)
        for rule in _RULES:
            broken = rule(self)
            if broken is not None:
                raise InvalidTuningError(f"{path}.{broken.field}", broken.rule, broken.value)
        if self.default is not None:
            object.__setattr__(self, "default", self.normalised(self.default))

    @property
    def is_numeric(self) -> bool:
        """Whether the values are a range of numbers, in which neighbours are alike."""
        return self.type in _NUMERIC

    @cached_property
    def count(self) -> int | None:
        """How many values there are; None when they are a continuum."""
        if not self.is_numeric:
            return len(self._choices)
        low, high = self._range
        if low == high:
            return 1
        step = self._step
        return None if step is None else round((high - low) / step) + 1

    def level(self, position: int) -> Scalar:
        """Return the value at a position, counted from 0 in the order of the values."""
        if not self.is_numeric:
            return self._choices[position]
        low, _ = self._range
        if self.type is ParameterType.INTEGER:
            return int(low) + position * int(self._step or 1)
        # In decimals, so that 0.1 + 2 * 0.1 is 0.3.
        return float(Decimal(repr(low)) + position * Decimal(repr(float(self._step or 0))))

    def position_of(self, value: Scalar) -> int:
        """Return the position of a choice's value: the inverse of `level`."""
        return self._positions[kind_of(value), value]

    def at(self, share: float) -> Scalar:
        """Return the value at a share of the way from first to last, in [0, 1), along the scale."""
        count = self.count
        if self.is_numeric and self.scale is Scale.LOG:
            return self._at_log(share)
        if count is not None:
            return self.level(min(int(share * count), count - 1))
        low, high = self._range
        return min(low + share * (high - low), high)

    def share_of(self, value: float) -> float:
        """Return how far along the scale a number lies; `at` gives the number back."""
        low, high = self._range
        if self.scale is Scale.LOG:
            if self.type is ParameterType.INTEGER:
                return _share_of_logs(low, high + 1, value + 0.5)
            return _share_of_logs(low, high, value)
        if self.count is not None:
            return (round((value - low) / (self._step or 1)) + 0.5) / self.count
        return (value - low) / (high - low)

    def next_to(self, value: float, *, up: bool) -> Scalar:
        """Return the next number up or down; at the end of the range, the one before it."""
        low, _ = self._range
        last = (self.count or 1) - 1
        place = round((value - low) / (self._step or 1))
        step = 1 if (up and place < last) or place == 0 else -1
        return self.level(place + step)

    def sample(self, rng: Random) -> Scalar:
        """Draw a value uniformly along the scale."""
        return self.at(rng.random())

    def why_refused(self, value: Scalar) -> str | None:
        """Return the rule that a value breaks, or None when the parameter can take it."""
        if not self.is_numeric:
            if (kind_of(value), value) in self._by_value:
                return None
            return f"must be one of {', '.join(map(_shown, self._choices))}"
        if isinstance(value, bool | str):
            return "must be a number"
        if self.type is ParameterType.INTEGER and not isinstance(value, int):
            return "must be an integer"
        return self._why_out_of_range(value)

    def normalised(self, value: Scalar) -> Scalar:
        """Return an accepted value as this parameter writes it: 1 as 1.0 for a Float."""
        if not self.is_numeric:
            return self._by_value.get((kind_of(value), value), value)
        if self.type is ParameterType.INTEGER or isinstance(value, bool | str):
            return value
        low, _ = self._range
        if self._step is None:
            return float(value)
        return self.level(round((value - low) / self._step))

    @property
    def _choices(self) -> tuple[Scalar, ...]:
        return (False, True) if self.type is ParameterType.BOOLEAN else self.values

    @cached_property
    def _by_value(self) -> dict[tuple[str, Scalar], Scalar]:
        return {(kind_of(choice), choice): choice for choice in self._choices}

    @cached_property
    def _positions(self) -> dict[tuple[str, Scalar], int]:
        return {(kind_of(choice), choice): place for place, choice in enumerate(self._choices)}

    @property
    def _range(self) -> tuple[float, float]:
        assert self.minimum is not None
        assert self.maximum is not None
        return self.minimum, self.maximum

    @property
    def _step(self) -> float | None:
        if self.step is None and self.type is ParameterType.INTEGER:
            return 1
        return self.step

    def _at_log(self, share: float) -> Scalar:
        low, high = self._range
        if low == high:
            return self.level(0)
        if self.type is ParameterType.FLOAT:
            return min(max(_between_logs(low, high, share), low), high)
        # Each integer owns the range up to the next one, so that the largest is drawn too.
        return min(max(int(_between_logs(low, high + 1, share)), int(low)), int(high))

    def _why_out_of_range(self, value: float) -> str | None:
        low, high = self._range
        if not value >= low:
            return f"must be greater than or equal to {low:.12g}"
        if not value <= high:
            return f"must be less than or equal to {high:.12g}"
        if self._step is not None and not _is_multiple(value - low, self._step):
            return f"must be {low:.12g} plus a multiple of {self._step:.12g}"
        return None


@dataclass(frozen=True)
class BrokenRule:
    """The field that breaks a rule, the rule, and the offending value."""

    field: str
    rule: str
    value: object = ...


def same_value(one: Scalar, other: Scalar) -> bool:
    """Tell whether two values are the same, a boolean and a number never."""
    return kind_of(one) == kind_of(other) and one == other


def kind_of(value: Scalar) -> str:
    """Return what a value is: a boolean, a number or a string."""
    if isinstance(value, bool):
        return "boolean"
    return "string" if isinstance(value, str) else "number"


_NUMERIC = (ParameterType.INTEGER, ParameterType.FLOAT)


def _is_multiple(distance: float, step: float) -> bool:
    steps = distance / step
    return abs(steps - round(steps)) <= _STEP_TOLERANCE * max(1.0, abs(steps))


def _between_logs(low: float, high: float, share: float) -> float:
    return math.exp(math.log(low) + share * (math.log(high) - math.log(low)))


def _share_of_logs(low: float, high: float, value: float) -> float:
    return (math.log(value) - math.log(low)) / (math.log(high) - math.log(low))


def _shown(value: Scalar) -> str:
    return value if isinstance(value, str) else repr(value)


def _has_a_name(parameter: Parameter) -> BrokenRule | None:
    return None if parameter.name else BrokenRule("name", "must not be empty")


def _categorical_has_values(parameter: Parameter) -> BrokenRule | None:
    if parameter.type is not ParameterType.CATEGORICAL or parameter.values:
        return None
    return BrokenRule("values", "must not be empty when type is Categorical")


def _only_categorical_has_values(parameter: Parameter) -> BrokenRule | None:
    if parameter.type is ParameterType.CATEGORICAL or not parameter.values:
        return None
    return BrokenRule(
        "values", f"may not be set when type is {parameter.type}", list(parameter.values)
    )


def _values_are_of_one_kind(parameter: Parameter) -> BrokenRule | None:
    if len({kind_of(value) for value in parameter.values}) <= 1:
        return None
    return BrokenRule(
        "values", "must all be strings, all numbers or all booleans", list(parameter.values)
    )


def _values_are_finite(parameter: Parameter) -> BrokenRule | None:
    for value in parameter.values:
        if isinstance(value, float) and not math.isfinite(value):
            return BrokenRule("values", "must be finite", value)
    return None


def _values_are_unique(parameter: Parameter) -> BrokenRule | None:
    if len(set(parameter.values)) == len(parameter.values):
        return None
    doubled = next(value for value in parameter.values if parameter.values.count(value) > 1)
    return BrokenRule("values", f"must be unique, got {doubled!r} twice")


def _only_numbers_have_a_range(parameter: Parameter) -> BrokenRule | None:
    if parameter.is_numeric:
        return None
    rule = f"may not be set when type is {parameter.type}"
    for name, value in _range_fields(parameter):
        if value is not None:
            return BrokenRule(name, rule, value)
    if parameter.scale is not Scale.LINEAR:
        return BrokenRule("scale", rule, parameter.scale.value)
    return None


def _numbers_have_a_range(parameter: Parameter) -> BrokenRule | None:
    if not parameter.is_numeric:
        return None
    for name, value in (("min", parameter.minimum), ("max", parameter.maximum)):
        if value is None:
            return BrokenRule(name, f"must be set when type is {parameter.type}")
    return None


def _range_is_finite(parameter: Parameter) -> BrokenRule | None:
    for name, value in _range_fields(parameter):
        if value is not None and not math.isfinite(value):
            return BrokenRule(name, "must be finite", value)
    return None


def _integer_range_is_whole(parameter: Parameter) -> BrokenRule | None:
    if parameter.type is not ParameterType.INTEGER:
        return None
    for name, value in _range_fields(parameter):
        if value is not None and value != int(value):
            return BrokenRule(name, "must be a whole number when type is Integer", value)
    return None


def _minimum_is_at_most_maximum(parameter: Parameter) -> BrokenRule | None:
    low, high = parameter.minimum, parameter.maximum
    if low is None or high is None or low <= high:
        return None
    return BrokenRule("min", f"must be less than or equal to max = {high:.12g}", low)


def _log_scale_starts_above_zero(parameter: Parameter) -> BrokenRule | None:
    low = parameter.minimum
    if parameter.scale is not Scale.LOG or low is None or low > 0:
        return None
    return BrokenRule("min", "must be greater than 0 when scale is Log", low)


def _log_scale_has_no_step(parameter: Parameter) -> BrokenRule | None:
    if parameter.scale is not Scale.LOG or parameter.step is None:
        return None
    return BrokenRule("step", "may not be set when scale is Log", parameter.step)


def _step_divides_the_range(parameter: Parameter) -> BrokenRule | None:
    low, high, step = parameter.minimum, parameter.maximum, parameter.step
    if step is None or low is None or high is None:
        return None
    if step <= 0:
        return BrokenRule("step", "must be greater than 0", step)
    if not _is_multiple(high - low, step):
        return BrokenRule("step", f"must divide max - min = {high - low:.12g}", step)
    return None


def _default_is_possible(parameter: Parameter) -> BrokenRule | None:
    if parameter.default is None:
        return None
    rule = parameter.why_refused(parameter.default)
    return None if rule is None else BrokenRule("default", rule, parameter.default)


def _conditions_have_values(parameter: Parameter) -> BrokenRule | None:
    for name, values in parameter.when.items():
        if not values:
            return BrokenRule(f"when.{name}", "must not be empty")
    return None


def _range_fields(parameter: Parameter) -> tuple[tuple[str, float | None], ...]:
    return (("min", parameter.minimum), ("max", parameter.maximum), ("step", parameter.step))


_RULES: tuple[Callable[[Parameter], BrokenRule | None], ...] = (
    _has_a_name,
    _categorical_has_values,
    _only_categorical_has_values,
    _values_are_of_one_kind,
    _values_are_finite,
    _values_are_unique,
    _only_numbers_have_a_range,
    _numbers_have_a_range,
    _range_is_finite,
    _integer_range_is_whole,
    _minimum_is_at_most_maximum,
    _log_scale_starts_above_zero,
    _log_scale_has_no_step,
    _step_divides_the_range,
    _default_is_possible,
    _conditions_have_values,
)
