"""The answer of a problem: the best truly feasible configuration, by sampling and climbing.

From the best few sampled configurations of each family, one parameter is changed at a time for as
long as that helps. Nothing proves the result to be the best; a search that finds a better one has a
regret of 0.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from random import Random

from deploytune.bench.search.problems import Answer, Truth
from deploytune.contract.models import Scalar
from deploytune.search.history import Parameters
from deploytune.search.space import Space

_STARTS = 3  # of each family
_GRID = 9  # values tried of a number
_CLIMBS = 12
_POOR = 0.9  # the quantile of truly feasible losses at which regret is 1
_KNOWN = 1500  # truly feasible configurations that an oracle gets to know

_Truth = Callable[[Parameters], Truth]
_Found = tuple[float, Parameters]


def find_answer(
    space: Space,
    truth: _Truth,
    feasible: Sequence[_Found],
    family: str | None,
    rng: Random,
) -> tuple[Answer, Mapping[Scalar | None, float]]:
    """Return the answer, and the best loss of every family; `feasible` is a sample, not empty."""
    by_family: dict[Scalar | None, list[_Found]] = {}
    for found in feasible:
        name = found[1][family] if family else None
        by_family.setdefault(name, []).append(found)
    best: dict[Scalar | None, _Found] = {}
    for name, members in by_family.items():
        starts = sorted(members, key=_loss)[:_STARTS]
        tops = [_climbed(space, truth, start, family, rng) for start in starts]
        best[name] = min(tops, key=_loss)
    best_family = min(best, key=lambda name: best[name][0])
    loss, parameters = best[best_family]
    losses = sorted(found[0] for found in feasible)
    poor = losses[min(int(_POOR * len(losses)), len(losses) - 1)]
    known = tuple(found[1] for found in feasible[:_KNOWN])
    answer = Answer(parameters, loss, max(poor, loss + 1e-9), best_family, known)
    return answer, {name: found[0] for name, found in best.items()}


def _climbed(space: Space, truth: _Truth, start: _Found, family: str | None, rng: Random) -> _Found:
    at = start
    for _ in range(_CLIMBS):
        steps = _feasible_steps(space, truth, at[1], family, rng)
        better = min(steps, key=_loss, default=at)
        if better[0] >= at[0]:
            return at
        at = better
    return at


def _feasible_steps(
    space: Space, truth: _Truth, parameters: Parameters, family: str | None, rng: Random
) -> Iterator[_Found]:
    for step in _steps(space, parameters, family, rng):
        told = truth(step)
        if told.feasible and told.loss is not None and not space.is_excluded(step):
            yield told.loss, step


def _steps(
    space: Space, parameters: Parameters, family: str | None, rng: Random
) -> Iterator[Parameters]:
    """Yield all changes of one parameter; what a change makes active is drawn."""
    for name, value in parameters.items():
        parameter = space[name]
        count = parameter.count
        if parameter.is_numeric and (count is None or count > _GRID):
            others = [parameter.at(place / (_GRID - 1)) for place in range(_GRID)]
            others += [parameter.at(rng.random())]
        else:
            others = [parameter.level(place) for place in range(count or 0)]
        for other in others if name != family else ():
            if other != value:
                yield space.completed({**parameters, name: other}, rng)


def _loss(found: _Found) -> float:
    return found[0]
