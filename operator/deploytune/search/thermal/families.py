"""Which values must not be left unseen: the families of models, and the node pools.

A family is a value of the first choice of the space that others can hang on: in a tuning the model,
and the pool where there are several. The best family may be the one whose first trial crashed, so
each gets a share of the budget before it is left to the models.
"""

from __future__ import annotations

from dataclasses import dataclass

from deploytune.contract.models import Scalar
from deploytune.contract.workload import MODEL_PARAMETER
from deploytune.search.history import FinishedTrial, InFlight, Knowledge
from deploytune.search.parameters import Parameter, same_value
from deploytune.search.space import Space

MOST_FAMILIES = 8
"""A choice of more values is no choice of families: a budget of dozens cannot visit each."""

LEAST_TRIES = 1
"""Of every family, whatever is believed of it."""

MOST_TRIES = 2
"""Of a family that never met its limits, while it may still hold something better."""


@dataclass(frozen=True)
class Family:
    """A value of a choice of families, and what is known of it."""

    parameter: str
    value: Scalar
    tries: int
    is_feasible: bool


def families_of(space: Space, knowledge: Knowledge) -> tuple[Family, ...]:
    """Return all families, with their tries so far; those in flight count as tries."""
    return tuple(
        _family(parameter, parameter.level(place), knowledge)
        for parameter in _choices_of_families(space)
        for place in range(parameter.count or 0)
    )


def _choices_of_families(space: Space) -> list[Parameter]:
    choices = [
        p
        for p in space.parameters
        if not p.is_numeric and not p.when and 1 < (p.count or 0) <= MOST_FAMILIES
    ]
    named = [p for p in choices if p.name == MODEL_PARAMETER]
    first = choices[:1]
    return [*first, *(p for p in named if p not in first)]


def _family(parameter: Parameter, value: Scalar, knowledge: Knowledge) -> Family:
    def holds(trial: FinishedTrial | InFlight) -> bool:
        own = trial.parameters.get(parameter.name)
        return own is not None and same_value(own, value)

    finished = [trial for trial in knowledge.finished if holds(trial)]
    flying = sum(holds(trial) for trial in knowledge.in_flight)
    feasible = any(trial.is_feasible for trial in finished)
    return Family(parameter.name, value, len(finished) + flying, feasible)
