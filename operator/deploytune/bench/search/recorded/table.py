"""A table: a whole space, each configuration with all its measurements, and how they came about.

It is JSON, one line a configuration, kept with this package. Metrics stand in the order of
`metrics`, null where a trial did not come to measure one; latencies are those measured, divided by
the machine's drift at the time. Every configuration of the space is in it, so that whatever a
search may propose has been measured.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any

from deploytune.api.translate import load_problem
from deploytune.contract.errors import InvalidTuningError, MachineError
from deploytune.contract.limits import Limit
from deploytune.contract.outcomes import OutcomeKind
from deploytune.search.history import Parameters
from deploytune.search.space import Key, Space

FORMAT = 1
SEARCHED = ("objectives", "constraints", "searchSpace")
"""The part of a table's question that makes its space and limits."""


@dataclass(frozen=True)
class Measurement:
    """One trial: how it ended, its metrics by key, and the seconds it took."""

    outcome: OutcomeKind
    metrics: Mapping[str, float]
    seconds: float

    @property
    def ran(self) -> bool:
        """Whether it came to a measurement, whatever limit it missed."""
        return self.outcome in (OutcomeKind.FEASIBLE, OutcomeKind.INFEASIBLE)


@dataclass(frozen=True)
class Table:
    """The space, the limits it was measured under, and the measurements of each configuration."""

    space: Space
    limits: tuple[Limit, ...]
    measured: Mapping[Key, tuple[Measurement, ...]]

    def __post_init__(self) -> None:
        """Refuse a table with gaps.

        Raises:
            InvalidTuningError: names a configuration that was not measured.
        """
        for configuration in self.space.configurations():
            if not self.measured.get(self.space.key(configuration)):
                rule = "must hold every configuration of its space, one is missing"
                raise InvalidTuningError("configurations", rule, configuration)

    def of(self, parameters: Parameters) -> tuple[Measurement, ...]:
        """Return the measurements of a configuration of the space.

        Raises:
            InvalidTuningError: it is none, so nothing is known of it.
        """
        self.space.check(parameters, "configuration")
        return self.measured[self.space.key(parameters)]


@lru_cache(maxsize=4)
def read_table(name: str) -> Table:
    """Return a table kept with this package.

    Raises:
        MachineError: it is damaged.
    """
    file = files(__package__) / "tables" / f"{name}.json"
    return parse_table(file.read_text(encoding="utf-8"), f"{name}.json")


def parse_table(text: str, source: str) -> Table:
    """Return the table that a text holds.

    Raises:
        MachineError: it is none; names the source.
    """
    try:
        fields = json.loads(text)
        if fields["format"] != FORMAT:
            raise MachineError(f"{source}: its format must be {FORMAT}, got {fields['format']!r}")
        return _table(fields)
    except (ValueError, TypeError, KeyError, InvalidTuningError) as error:
        raise MachineError(f"{source}: is no table: {error}") from error


def _table(fields: dict[str, Any]) -> Table:
    asked = {name: fields["question"][name] for name in SEARCHED}
    problem = load_problem({**asked, "budget": {"maxTrials": 1}})
    space, keys = problem.space, tuple(fields["metrics"])
    measured = {
        space.key(row["parameters"]): tuple(_measurement(one, keys) for one in row["measured"])
        for row in fields["configurations"]
    }
    return Table(space, tuple(constraint.limit for constraint in problem.constraints), measured)


def _measurement(fields: dict[str, Any], keys: tuple[str, ...]) -> Measurement:
    values = zip(keys, fields.get("metrics", ()), strict=False)
    return Measurement(
        OutcomeKind(fields["outcome"]),
        {key: float(value) for key, value in values if value is not None},
        float(fields["seconds"]),
    )
