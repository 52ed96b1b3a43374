"""Configurations to choose from: drawn from the whole space, and moved from the best trials.

How far a move goes falls with the temperature: annealing is the local optimiser here, of what is
believed and not of trials.
"""

from __future__ import annotations

import numpy as np

from deploytune.search.history import Knowledge
from deploytune.search.problem import Problem
from deploytune.search.ranking import rank_of
from deploytune.search.thermal.arrays import Floats
from deploytune.search.thermal.columns import Columns

EVERYWHERE = 400
"""Drawn from the whole space."""

STARTS = 4
"""Trials that moves begin at: the best by violation and objective."""

NEAR_EACH = 40
"""Moved from each start."""

WIDEST_MOVE, NARROWEST_MOVE = 0.3, 0.05
"""Standard deviation of a move of a number, as a share of its scale, hot and cold."""

SECOND_CHANGE = 0.4
"""How often a move changes a second parameter: pairs are what fails, and what helps."""


def untried(
    problem: Problem,
    knowledge: Knowledge,
    columns: Columns,
    temperature: float,
    rng: np.random.Generator,
) -> Floats:
    """Return rows that are allowed and were not tried, each once; none when none was found."""
    ranked = sorted(knowledge.finished, key=lambda trial: rank_of(problem, trial))[:STARTS]
    starts = columns.encode([trial.parameters for trial in ranked]).repeat(NEAR_EACH, axis=0)
    step = NARROWEST_MOVE + (WIDEST_MOVE - NARROWEST_MOVE) * temperature
    moved = columns.move(starts, step, SECOND_CHANGE, rng)
    found = np.concatenate([columns.draw(EVERYWHERE, rng), moved])
    found = found[~columns.are_excluded(found)]
    tried = columns.encode(
        [
            *(trial.parameters for trial in knowledge.finished),
            *(trial.parameters for trial in knowledge.in_flight),
            *knowledge.abandoned,
        ]
    )
    keys = set(_keys(tried))
    new = []
    for place, key in enumerate(_keys(found)):
        if key not in keys:
            keys.add(key)
            new.append(place)
    return found[new]


def _keys(rows: Floats) -> list[bytes]:
    """Return the same for rows that differ by rounding alone."""
    return [row.tobytes() for row in np.round(rows, 9) + 0.0]
