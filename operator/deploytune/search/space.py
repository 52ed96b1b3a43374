"""The configurations that may be tried: parameters, their conditions, and what is excluded.

A configuration holds exactly the active parameters. A space that breaks a rule cannot be
constructed, and every space has at least one configuration.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from functools import cached_property
from itertools import accumulate
from random import Random
from types import MappingProxyType

from deploytune.contract.errors import InvalidTuningError
from deploytune.contract.models import Scalar
from deploytune.search.parameters import (
    BrokenRule,
    Parameter,
    ParameterType,
    Scale,
    kind_of,
    same_value,
)

__all__ = ["Configuration", "Key", "Parameter", "ParameterType", "Scale", "Space"]

Configuration = dict[str, Scalar]
"""Active parameters and their values, in the order in which the space declares them."""

Key = tuple[tuple[str, str, Scalar], ...]
"""A configuration as something hashable: equal for equal configurations, whatever their order."""

_REJECTIONS = 100
_STEPS = 100_000  # of a walk that has to end soon: below a second, and beyond any budget
_Choices = Callable[[Parameter], Iterable[Scalar]]


@dataclass(frozen=True)
class Space:
    """Parameters and exclusions; an exclusion is a partial assignment known to be invalid."""

    parameters: tuple[Parameter, ...]
    exclude: tuple[Mapping[str, Scalar], ...] = ()
    path: str = field(default="searchSpace", compare=False)

    def __post_init__(self) -> None:
        """Refuse what breaks a rule; the first broken one is named.

        Raises:
            InvalidTuningError: a rule is broken.
        """
        self._check_names()
        self._check_conditions()
        self._check_exclusions()
        self._check_something_is_left()

    def __getitem__(self, name: str) -> Parameter:
        return self._by_name[name]

    def is_active(self, parameter: Parameter, assignment: Mapping[str, Scalar]) -> bool:
        """Tell whether the assignment meets every condition of the parameter."""
        return all(
            name in assignment and any(same_value(assignment[name], value) for value in values)
            for name, values in parameter.when.items()
        )

    def is_excluded(self, assignment: Mapping[str, Scalar]) -> bool:
        """Tell whether an exclusion is part of the assignment."""
        return any(_holds(assignment, excluded) for excluded in self.exclude)

    def broken_rule(self, configuration: Mapping[str, Scalar]) -> BrokenRule | None:
        """Return which rule a configuration breaks, or None when it may be tried."""
        broken = self._foreign_part(configuration)
        if broken is None and self.is_excluded(configuration):
            return BrokenRule("", "may not be excluded by searchSpace.exclude", dict(configuration))
        return broken

    def has(self, configuration: Mapping[str, Scalar]) -> bool:
        """Tell whether a configuration is one of this space, be it excluded or not."""
        return self._foreign_part(configuration) is None

    def is_valid(self, configuration: Mapping[str, Scalar]) -> bool:
        """Tell whether a configuration may be tried."""
        return self.broken_rule(configuration) is None

    def check(self, configuration: Mapping[str, Scalar], path: str) -> None:
        """Refuse a configuration that may not be tried; `path` is where the tuning names it.

        Raises:
            InvalidTuningError: an unknown, inactive, missing, impossible or excluded value.
        """
        broken = self.broken_rule(configuration)
        if broken is not None:
            place = f"{path}.{broken.field}" if broken.field else path
            raise InvalidTuningError(place, broken.rule, broken.value)

    def normalised(self, configuration: Mapping[str, Scalar]) -> Configuration:
        """Return a valid configuration in declared order, with values as the parameters write."""
        return {
            parameter.name: parameter.normalised(configuration[parameter.name])
            for parameter in self.parameters
            if parameter.name in configuration
        }

    def key(self, configuration: Mapping[str, Scalar]) -> Key:
        """Return the configuration as something hashable and free of order."""
        normalised = self.normalised(configuration).items()
        return tuple(sorted((name, kind_of(value), value) for name, value in normalised))

    def defaults(self, given: Mapping[str, Scalar] = MappingProxyType({})) -> Configuration | None:
        """Return the baseline: every active parameter as given, or at its default.

        None when an active parameter has neither, or when the defaults are excluded.
        """
        baseline: Configuration = {}
        for parameter in self._order:
            if self.is_active(parameter, baseline):
                value = given.get(parameter.name, parameter.default)
                if value is None:
                    return None
                baseline[parameter.name] = value
        return None if self.is_excluded(baseline) else self.normalised(baseline)

    @cached_property
    def size(self) -> int | None:
        """How many configurations there are.

        None when there is a continuum of them, or too many combinations of the parameters that
        conditions and exclusions name to count: more than any budget could try.
        """
        if any(parameter.count is None for parameter in self.parameters):
            return None
        try:
            return sum(self._counts())
        except _TooLongError:
            return None

    def is_larger_than(self, count: int) -> bool:
        """Tell whether there are more configurations; no more of them are counted than it takes."""
        if any(parameter.count is None for parameter in self.parameters):
            return True
        try:
            return any(total > count for total in accumulate(self._counts()))
        except _TooLongError:
            return True

    def _counts(self) -> Iterator[int]:
        """Yield how many configurations there are with each assignment of structural parameters."""
        free = [parameter for parameter in self.parameters if parameter not in self._structural]
        for assignment in self._walk(self._structural, _within_steps(_all_levels)):
            yield math.prod(p.count or 1 for p in free if self.is_active(p, assignment))

    def configurations(self, continuous_levels: int = 5) -> Iterator[Configuration]:
        """Yield every configuration once, lazily, the last parameter varying fastest.

        A continuous parameter takes that many values, evenly spread along its scale.
        """
        for assignment in self._walk(self._order, self._levels(continuous_levels)):
            yield self._declared(assignment)

    def sample(self, rng: Random, without: AbstractSet[Key] = frozenset()) -> Configuration | None:
        """Draw a configuration, each active parameter uniformly; None when none is left.

        What is excluded, or whose key is in `without`, is drawn again; where that fails too often,
        the space is walked in random order, which ends.
        """
        for _ in range(_REJECTIONS):
            drawn = self.completed({}, rng)
            if not self.is_excluded(drawn) and self.key(drawn) not in without:
                return drawn
        walk = self._walk(self._order, self._shuffled(rng))
        left = (assignment for assignment in walk if self.key(assignment) not in without)
        found = next(left, None)
        return None if found is None else self._declared(found)

    def completed(self, wanted: Mapping[str, Scalar], rng: Random) -> Configuration:
        """Return a configuration with the wanted values where they are active, others drawn.

        It may be excluded.
        """
        completed: Configuration = {}
        for parameter in self._order:
            if self.is_active(parameter, completed):
                name = parameter.name
                completed[name] = wanted[name] if name in wanted else parameter.sample(rng)
        return self._declared(completed)

    @property
    def activation_order(self) -> tuple[Parameter, ...]:
        """The parameters, each after those that its conditions name."""
        return self._order

    @cached_property
    def _by_name(self) -> dict[str, Parameter]:
        return {parameter.name: parameter for parameter in self.parameters}

    @cached_property
    def _order(self) -> tuple[Parameter, ...]:
        ordered: dict[str, Parameter] = {}
        waiting = list(self.parameters)
        while waiting:
            ready = next((p for p in waiting if p.when.keys() <= ordered.keys()), None)
            if ready is None:
                raise InvalidTuningError(
                    f"{waiting[0].path}.when", "may not depend on itself", dict(waiting[0].when)
                )
            ordered[ready.name] = ready
            waiting.remove(ready)
        return tuple(ordered.values())

    @cached_property
    def _structural(self) -> tuple[Parameter, ...]:
        """The parameters that conditions or exclusions name; the others are free of each other."""
        named = {name for parameter in self.parameters for name in parameter.when}
        named.update(name for excluded in self.exclude for name in excluded)
        return tuple(parameter for parameter in self._order if parameter.name in named)

    @cached_property
    def _exclusions_by_last(self) -> dict[str, list[Mapping[str, Scalar]]]:
        position = {parameter.name: place for place, parameter in enumerate(self._order)}
        by_last: dict[str, list[Mapping[str, Scalar]]] = {}
        for excluded in self.exclude:
            by_last.setdefault(max(excluded, key=position.__getitem__), []).append(excluded)
        return by_last

    def _walk(
        self, parameters: tuple[Parameter, ...], choices: _Choices
    ) -> Iterator[Configuration]:
        """Yield the assignments of `parameters` that are not excluded, depth first."""
        return self._extend({}, parameters, choices, 0)

    def _extend(
        self,
        assignment: Configuration,
        parameters: tuple[Parameter, ...],
        choices: _Choices,
        place: int,
    ) -> Iterator[Configuration]:
        while place < len(parameters) and not self.is_active(parameters[place], assignment):
            place += 1
        if place == len(parameters):
            yield dict(assignment)
            return
        name = parameters[place].name
        ending = self._exclusions_by_last.get(name, ())
        for value in choices(parameters[place]):
            assignment[name] = value
            if not any(_holds(assignment, excluded) for excluded in ending):
                yield from self._extend(assignment, parameters, choices, place + 1)
        del assignment[name]

    def _levels(self, continuous_levels: int) -> _Choices:
        def levels(parameter: Parameter) -> Iterator[Scalar]:
            if parameter.count is not None:
                return _all_levels(parameter)
            last = max(continuous_levels - 1, 1)
            return (parameter.at(place / last) for place in range(continuous_levels))

        return levels

    def _shuffled(self, rng: Random) -> _Choices:
        def shuffled(parameter: Parameter) -> Iterator[Scalar]:
            count = parameter.count
            if count is None:
                return (parameter.sample(rng) for _ in range(len(self.exclude) + 2))
            first = rng.randrange(count)
            return (parameter.level((first + place) % count) for place in range(count))

        return shuffled

    def _declared(self, assignment: Mapping[str, Scalar]) -> Configuration:
        return {p.name: assignment[p.name] for p in self.parameters if p.name in assignment}

    def _foreign_part(self, configuration: Mapping[str, Scalar]) -> BrokenRule | None:
        for name in configuration:
            if name not in self._by_name:
                known = ", ".join(self._by_name)
                return BrokenRule(name, f"must be a parameter of the space ({known})")
        broken = (self._broken_by(parameter, configuration) for parameter in self.parameters)
        return next((rule for rule in broken if rule is not None), None)

    def _broken_by(
        self, parameter: Parameter, configuration: Mapping[str, Scalar]
    ) -> BrokenRule | None:
        active = self.is_active(parameter, configuration)
        if parameter.name not in configuration:
            return BrokenRule(parameter.name, "must be set") if active else None
        value = configuration[parameter.name]
        if not active:
            rule = f"may not be set unless {_condition(parameter)}"
            return BrokenRule(parameter.name, rule, value)
        rule_of_value = parameter.why_refused(value)
        return None if rule_of_value is None else BrokenRule(parameter.name, rule_of_value, value)

    def _check_names(self) -> None:
        if not self.parameters:
            raise InvalidTuningError(f"{self.path}.parameters", "must not be empty")
        seen = set()
        for parameter in self.parameters:
            if parameter.name in seen:
                raise InvalidTuningError(f"{parameter.path}.name", "must be unique", parameter.name)
            seen.add(parameter.name)

    def _check_conditions(self) -> None:
        for parameter in self.parameters:
            for name, values in parameter.when.items():
                path = f"{parameter.path}.when.{name}"
                for value in values:
                    self._check_value(name, value, path)
        _ = self._order  # a cycle has no order

    def _check_exclusions(self) -> None:
        for place, excluded in enumerate(self.exclude):
            path = f"{self.path}.exclude[{place}]"
            if not excluded:
                raise InvalidTuningError(path, "must not be empty")
            for name, value in excluded.items():
                self._check_value(name, value, f"{path}.{name}")

    def _check_something_is_left(self) -> None:
        choices = _within_steps(self._levels(len(self.exclude) + 2))
        path = f"{self.path}.exclude"
        try:
            left = next(self._walk(self._structural, choices), None)
        except _TooLongError as error:
            raise InvalidTuningError(
                path, "must not make it this hard to find a configuration that is left"
            ) from error
        if left is None:
            raise InvalidTuningError(path, "must leave at least one configuration")

    def _check_value(self, name: str, value: Scalar, path: str) -> None:
        parameter = self._by_name.get(name)
        if parameter is None:
            known = ", ".join(self._by_name)
            raise InvalidTuningError(path, f"must be a parameter of the space ({known})", name)
        rule = parameter.why_refused(value)
        if rule is not None:
            raise InvalidTuningError(path, rule, value)


class _TooLongError(Exception):
    """A walk took too many steps."""


def _within_steps(choices: _Choices) -> _Choices:
    """Return the same choices, which raise once a walk has taken too many of them."""
    steps = iter(range(_STEPS))

    def counted(parameter: Parameter) -> Iterator[Scalar]:
        for value in choices(parameter):
            if next(steps, None) is None:
                raise _TooLongError
            yield value

    return counted


def _holds(assignment: Mapping[str, Scalar], part: Mapping[str, Scalar]) -> bool:
    return all(
        name in assignment and same_value(assignment[name], value) for name, value in part.items()
    )


def _all_levels(parameter: Parameter) -> Iterator[Scalar]:
    return (parameter.level(place) for place in range(parameter.count or 0))


def _condition(parameter: Parameter) -> str:
    return " and ".join(
        f"{name} is {' or '.join(map(str, values))}" for name, values in parameter.when.items()
    )
