"""The bound on what may yet be feasible."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from search_builders import LATENCY, a_choice, a_finished, a_float, a_problem

from deploytune.contract.outcomes import OutcomeKind
from deploytune.search.history import Knowledge
from deploytune.search.problem import Algorithm, Problem
from deploytune.search.space import Space
from deploytune.search.thermal.beliefs import learn
from deploytune.search.thermal.hope import hope_at_most


def a_near_miss(space: Space, trials: int = 12) -> tuple[Problem, Knowledge]:
    """Every trial misses a limit of 10 ms by a third to a half."""
    problem = a_problem(space, algorithm=Algorithm("TBA"), max_trials=4)
    tried = tuple(
        a_finished(
            place,
            {"kind": "ab"[place % 2], "x": (place + 0.5) / trials},
            OutcomeKind.INFEASIBLE,
            latency_ms=13.0 + (place % 5) / 2,
            throughput=1.0,
        )
        for place in range(trials)
    )
    return problem, Knowledge(tried)


def a_continuum() -> Space:
    return Space((a_choice("kind", "a", "b"), a_float("x", 0.0, 1.0)))


def test_a_larger_budget_leaves_more_hope() -> None:
    problem, knowledge = a_near_miss(a_continuum())
    few = hope_at_most(problem, knowledge)
    many = hope_at_most(replace(problem, max_trials=400), knowledge)
    assert few is not None
    assert many is not None
    assert 0 < few < many <= 1


def test_doubt_makes_what_misses_its_limit_more_probably_feasible() -> None:
    problem, knowledge = a_near_miss(a_continuum())
    beliefs = learn(problem, knowledge)
    assert beliefs is not None
    rows = beliefs.columns.draw(50, np.random.default_rng(0))
    sure, doubtful = (
        beliefs.at_present(rows).feasible,
        beliefs.at_present(rows, doubt=2.0).feasible,
    )
    assert np.all(sure < doubtful)


def test_the_bound_is_more_doubtful_than_the_models() -> None:
    problem, knowledge = a_near_miss(a_continuum())
    one = replace(problem, max_trials=1)
    beliefs = learn(one, knowledge)
    assert beliefs is not None
    grid = [{"kind": kind, "x": x} for kind in "ab" for x in np.linspace(0, 1, 101)]
    likeliest = float(beliefs.at_present(beliefs.columns.encode(grid)).feasible.max())
    bound = hope_at_most(one, knowledge)
    assert bound is not None
    assert bound > likeliest


def test_nothing_is_said_before_any_trial_or_of_a_space_of_one() -> None:
    problem, _ = a_near_miss(a_continuum())
    assert hope_at_most(problem, Knowledge()) is None
    only = a_problem(Space((a_choice("kind", "a"),)), algorithm=Algorithm("TBA"))
    missed = a_finished(0, {"kind": "a"}, OutcomeKind.INFEASIBLE, **{LATENCY: 40.0})
    assert hope_at_most(only, Knowledge((missed,))) is None
