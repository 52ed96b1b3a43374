"""Which values the search had closed, and for which trials.

The status says what is closed at the moment, and at the end nothing is. What was, follows from the
trials: only `preset: Paper` closes any.
"""

from __future__ import annotations

from dataclasses import dataclass

from deploytune.contract.models import Scalar
from deploytune.report.html.story import Story
from deploytune.search.closings import closed_over_time
from deploytune.search.parameters import kind_of


@dataclass(frozen=True)
class Closing:
    """A value that was not proposed from one number of ended trials to another."""

    parameter: str
    value: Scalar
    first: int
    last: int


def closings_of(story: Story) -> tuple[Closing, ...]:
    """Return what was closed, in the order in which it was, until the hand-off to TPE."""
    moments = [*closed_over_time(story.problem, story.knowledge)]
    since: dict[tuple[str, str, Scalar], int] = {}
    found: list[Closing] = []
    for count, moment in enumerate([*moments[:-1], ()]):  # the end of the record ends every bar
        closed = dict.fromkeys((one.parameter, kind_of(one.value), one.value) for one in moment)
        opened = [value for value in since if value not in closed]
        found += [Closing(value[0], value[2], since.pop(value), count) for value in opened]
        since |= {value: count for value in closed if value not in since}
    return tuple(sorted(found, key=lambda closing: closing.first))
