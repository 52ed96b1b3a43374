"""Bounds hold whatever the truth is, also when they are looked at again and again."""

from __future__ import annotations

from collections.abc import Callable
from math import comb
from typing import Any

import numpy as np
import pytest

from deploytune_trial.verify.bounds import Bounds, bounds_of_mean, bounds_of_share, looks
from deploytune_trial.verify.statistics import Mean, Share

ERROR = 0.05
RUNS = 1500

Scores = np.ndarray[Any, Any]


def test_looks_double_and_leave_the_end_out() -> None:
    assert looks(640) == [64, 128, 256, 512]
    assert looks(512) == [64, 128, 256]
    assert looks(64) == []


@pytest.mark.parametrize(("hits", "drawn", "population"), [(9, 10, 30), (0, 5, 30), (17, 20, 60)])
def test_bounds_of_a_share_are_those_of_the_counted_draws(
    hits: int, drawn: int, population: int
) -> None:
    """The hypergeometric probabilities, by counting."""

    def at_least(wanted: int, successes: int) -> float:
        ways = range(wanted, min(drawn, successes) + 1)
        counted = [comb(successes, x) * comb(population - successes, drawn - x) for x in ways]
        return sum(counted) / comb(population, drawn)

    low = min(k for k in range(hits, population + 1) if at_least(hits, k) > ERROR)
    high = population - min(
        k for k in range(drawn - hits, population + 1) if at_least(drawn - hits, k) > ERROR
    )
    expected = Bounds(low / population, high / population)
    assert bounds_of_share(Share(hits, drawn), population, ERROR) == expected


def test_bounds_of_all_samples_are_the_truth() -> None:
    assert bounds_of_share(Share(610, 640), 640, 1e-6) == Bounds(610 / 640, 610 / 640)
    scores = np.random.default_rng(1).random(50)
    truth = bounds_of_mean(Mean.of(scores), 50, 0.0, 1.0, 1e-6)
    assert truth.low == truth.high == pytest.approx(scores.mean())


def wrong_decisions(
    scores: Scores, bound: Callable[[Scores, float], Bounds], seed: int
) -> tuple[float, float]:
    """The shares of evaluations in which a look's bounds lie wholly above, or below, the truth."""
    rng, truth = np.random.default_rng(seed), scores.mean()
    times = looks(len(scores))
    above = below = 0
    for _ in range(RUNS):
        order = rng.permutation(len(scores))
        seen = [bound(scores[order[:look]], ERROR / len(times)) for look in times]
        above += any(bounds.low > truth + 1e-12 for bounds in seen)
        below += any(bounds.high < truth - 1e-12 for bounds in seen)
    return above / RUNS, below / RUNS


@pytest.mark.parametrize("share", [0.5, 0.9, 0.99, 1.0])
@pytest.mark.parametrize("population", [100, 640])
def test_all_looks_together_misjudge_a_share_as_rarely_as_promised(
    share: float, population: int
) -> None:
    scores = np.zeros(population)
    scores[: round(share * population)] = 1

    def bound(seen: Scores, error: float) -> Bounds:
        return bounds_of_share(Share(int(seen.sum()), len(seen)), population, error)

    above, below = wrong_decisions(scores, bound, 11)
    assert above <= ERROR
    assert below <= ERROR


@pytest.mark.parametrize(
    "draw",
    [
        pytest.param(lambda rng: rng.random(400), id="uniform"),
        pytest.param(lambda rng: 1 - rng.exponential(0.01, 400).clip(0, 2), id="nearly one"),
        pytest.param(lambda rng: (rng.random(400) < 0.01) * -2.0 + 1, id="seldom and far"),
    ],
)
def test_all_looks_together_misjudge_a_mean_as_rarely_as_promised(
    draw: Callable[[np.random.Generator], Scores],
) -> None:
    scores = draw(np.random.default_rng(3))

    def bound(seen: Scores, error: float) -> Bounds:
        return bounds_of_mean(Mean.of(seen), len(scores), -1.0, 1.0, error)

    above, below = wrong_decisions(scores, bound, 12)
    assert above <= ERROR
    assert below <= ERROR


def test_a_finite_population_narrows_the_bounds() -> None:
    seen = Share(430, 512)
    small, large = (bounds_of_share(seen, count, 0.001) for count in (640, 10**6))
    assert small.high - small.low < 0.5 * (large.high - large.low)
    mean = Mean.of(np.random.default_rng(2).random(512))
    small, large = (bounds_of_mean(mean, count, 0.0, 1.0, 0.001) for count in (640, 10**6))
    assert small.high - small.low < 0.8 * (large.high - large.low)


def test_bounds_of_a_very_large_population_are_found() -> None:
    bounds = bounds_of_share(Share(900_000, 1_000_000), 10**9, 1e-4)
    assert bounds.low == pytest.approx(0.9 - 3.72 * 0.0003, abs=2e-5)
    assert bounds.high == pytest.approx(0.9 + 3.72 * 0.0003, abs=2e-5)
