"""How probable it is that anything feasible is left, while nothing was: an upper bound.

The sum of P(feasible) over the most probable of what was not tried, as many as the budget has
trials: a union bound, which holds however alike they are. Margins are seen with more doubt than the
models have of themselves, since a search that follows its models learns most where they are right.

It is no proof. It speaks of the candidates that can be found by drawing and moving, and of models
that hold a configuration for like those that share its values: one that is feasible for no visible
reason is not foreseen. How often that happens is measured by DeployBench (`operator/docs`).
"""

from __future__ import annotations

import numpy as np

from deploytune.search.history import Knowledge
from deploytune.search.problem import Problem
from deploytune.search.seeds import Draw
from deploytune.search.strategies.tba import LEAST_HOPE
from deploytune.search.thermal.beliefs import learn
from deploytune.search.thermal.candidates import untried
from deploytune.search.thermal.threads import one_thread

DOUBT = 1.5
"""How many times wider than the models say the deviation of a margin is taken to be."""

_MOVES = 0.5  # the temperature of moves from the nearest misses: near them and further away


def hope_at_most(problem: Problem, knowledge: Knowledge) -> float | None:
    """Return the bound; None while nothing has finished, or when nothing untried was found."""
    rng = np.random.default_rng(
        Draw(problem.algorithm.seed, len(knowledge.finished)).seed_for("hope")
    )
    with one_thread():
        beliefs = learn(problem, knowledge)
        if beliefs is None:
            return None
        candidates = untried(problem, knowledge, beliefs.columns, _MOVES, rng)
        if not len(candidates):
            return None
        feasible = beliefs.at_present(candidates, DOUBT).feasible[0]
    likeliest = np.sort(feasible)[::-1][: problem.max_trials]
    return min(1.0, max(LEAST_HOPE, float(likeliest.sum())))
