"""Which values the search had closed, and for which trials.

The record holds no list of closed subspaces. Of `preset: Paper` it can be folded from the trials;
every other strategy closes nothing, so that there is nothing to tell.
"""

from __future__ import annotations

from dataclasses import dataclass

from deploytune.contract.models import Scalar
from deploytune.report.html.story import Story
from deploytune.search.strategies.tba_paper import Value, fold

_PAPER = "Paper"


@dataclass(frozen=True)
class Closing:
    """A value that was not proposed from one number of ended trials to another."""

    parameter: str
    value: Scalar
    first: int
    last: int


def closes_values(story: Story) -> bool:
    """Whether the tuning's strategy ever closes a value."""
    return story.problem.algorithm.preset == _PAPER


def closings_of(story: Story) -> tuple[Closing, ...]:
    """Return what was closed, in the order in which it was, until the hand-off to TPE."""
    if not closes_values(story):
        return ()
    space = story.problem.space
    finished = story.knowledge.within(space).finished
    since: dict[Value, int] = {}
    found: list[Closing] = []
    for count in range(len(finished) + 1):
        state = fold(story.problem, finished[:count])
        ends = state.has_handed_off or count == len(finished)
        closed = {value for value in state.closed if state.is_closed(value) and not ends}
        opened = [value for value in since if value not in closed]
        found += [Closing(value[0], value[2], since.pop(value), count) for value in opened]
        since |= {value: count for value in closed if value not in since}
        if ends:
            break
    return tuple(sorted(found, key=lambda closing: closing.first))
