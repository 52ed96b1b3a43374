"""Bounds on the figure of all samples from some of them: when an evaluation may end early.

All samples of the evaluation data together are the truth; those seen so far were drawn from them
without replacement. Bounds are looked at again and again while samples come, so each look spends
its part of the probability of an error: the looks are known beforehand and share it equally.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from deploytune_trial.verify.statistics import Mean, Share

ERROR = 1e-3
"""The probability that an evaluation of a figure at its very limit ends early on the wrong side."""

_FIRST_LOOK = 64
_NEGLIGIBLE = 1e-16
_BERNSTEIN = 7 / 3 + 3 / math.sqrt(2)
_BERNSTEIN_EVENTS = 5


@dataclass(frozen=True)
class Bounds:
    """Two numbers between which a figure lies."""

    low: float
    high: float


def looks(population: int) -> list[int]:
    """Return the numbers of samples after which to look: doubling ones, all samples left out."""
    found = []
    samples = _FIRST_LOOK
    while samples < population:
        found.append(samples)
        samples *= 2
    return found


def bounds_of_share(seen: Share, population: int, error: float) -> Bounds:
    """Bound the share in a population; each side is wrong with probability `error` at most.

    Exact: turns round the hypergeometric distribution.
    """
    misses = seen.total - seen.hits
    low = _fewest_hits(seen.hits, seen.total, population, error)
    high = population - _fewest_hits(misses, seen.total, population, error)
    return Bounds(low / population, high / population)


def bounds_of_mean(
    seen: Mean, population: int, lowest: float, highest: float, error: float
) -> Bounds:
    """Bound the mean of a population of scores between `lowest` and `highest`.

    The empirical Bernstein-Serfling inequality (Bardenet and Maillard, 2015): each side is wrong
    with probability `error` at most, whatever the scores' distribution.
    """
    drawn = seen.count
    if drawn == population:
        return Bounds(seen.value, seen.value)
    if drawn <= population / 2:
        left = 1 - (drawn - 1) / population
    else:
        left = (1 - drawn / population) * (1 + 1 / drawn)
    surprise = math.log(_BERNSTEIN_EVENTS / error)
    away = math.sqrt(2 * seen.variance * left * surprise / drawn)
    away += _BERNSTEIN * (highest - lowest) * surprise / drawn
    # What was not drawn cannot move the mean further than this.
    known, open_share = drawn / population * seen.value, 1 - drawn / population
    return Bounds(
        max(seen.value - away, known + open_share * lowest),
        min(seen.value + away, known + open_share * highest),
    )


def _fewest_hits(hits: int, drawn: int, population: int, error: float) -> int:
    """Return the fewest hits of a population in which so many of a draw are no rare event."""
    low, high = hits, population - (drawn - hits)
    while low < high:
        middle = (low + high) // 2
        if _at_least(hits, drawn, middle, population) > error:
            high = middle
        else:
            low = middle + 1
    return low


def _at_least(hits: int, drawn: int, successes: int, population: int) -> float:
    """Return the probability of at least `hits` in a draw; 1 where they are no more than expected.

    Not exact there, where it is above one quarter anyway.
    """
    if hits * population <= drawn * successes:
        return 1.0
    most = min(drawn, successes)
    if hits > most:
        return 0.0
    failures = population - successes
    term = math.exp(
        _log_choose(successes, hits)
        + _log_choose(failures, drawn - hits)
        - _log_choose(population, drawn)
    )
    total = 0.0
    for x in range(hits, most + 1):
        total += term
        term *= (successes - x) * (drawn - x) / ((x + 1) * (failures - drawn + x + 1))
        if term < total * _NEGLIGIBLE:
            break
    return total


def _log_choose(of: int, chosen: int) -> float:
    if not 0 <= chosen <= of:
        return -math.inf
    return math.lgamma(of + 1) - math.lgamma(chosen + 1) - math.lgamma(of - chosen + 1)
