"""What `TBA` tries next: the temperature, the quotas, the acquisition.

The temperature falls with the budget from 1 to 0. While it is high, what is not known counts for
more; as it falls, what is believed to be feasible and good does. The first rule that holds:

    start        nothing was tried yet: drawn from the whole space
    spread       nothing has ended yet: the least like the trials in flight
    feasibility  nothing is feasible yet: the most probably feasible, the better of equals
    quota        a family that was not seen enough gets its most probably feasible configuration
    model        the expected improvement, times the probability of being feasible

While trials are in flight, feasibility and improvement are means over futures of them.

Quotas before the first feasible trial, more than two tries by quota, more caution as it gets
colder, and gains divided by their cost were tried on DeployBench's development seeds and found no
better.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

from deploytune.contract.models import Scalar
from deploytune.search.history import Knowledge
from deploytune.search.problem import Problem
from deploytune.search.proposals import Proposal, SearchStage
from deploytune.search.seeds import Draw
from deploytune.search.thermal.arrays import Flags, Floats
from deploytune.search.thermal.beliefs import Belief, Beliefs, column_weights, learn
from deploytune.search.thermal.candidates import untried
from deploytune.search.thermal.columns import Columns
from deploytune.search.thermal.families import LEAST_TRIES, MOST_TRIES, Family, families_of
from deploytune.search.thermal.kernel import Likeness
from deploytune.search.thermal.outputs import relative_gain
from deploytune.search.thermal.regression import prior_weights
from deploytune.search.thermal.threads import one_thread

NAME = "TBA"

CURIOSITY = 0.02
"""Standard deviations of the objective that not knowing is worth, at temperature 1."""

OPTIMISM = 1.5
"""Standard deviations by which a family that never met its limits may yet beat the incumbent."""

OBJECTIVE_HINT = 0.3
"""Weight of the objective among what is equally likely to be the first feasible one."""


@dataclass(frozen=True)
class _Scores:
    """A score for each candidate, the rule that made them, and the family of a quota."""

    values: Floats
    rule: str
    family: Family | None = None


@dataclass(frozen=True)
class _Prospect:
    """What may be tried now, and what is believed of it; `gains` are 0 without an incumbent."""

    candidates: Floats
    columns: Columns
    belief: Belief
    incumbent: float | None
    gains: Floats


def choose(problem: Problem, knowledge: Knowledge, draw: Draw) -> Iterator[Proposal]:
    """Yield what to try next, best first."""
    if not knowledge.finished:
        yield from _begin(problem, knowledge, draw)
        return
    temperature = _temperature(problem, knowledge)
    with one_thread():
        prospect = _look_ahead(problem, knowledge, draw, temperature)
    if prospect is None:
        return
    scores = _scores(prospect, families_of(problem.space, knowledge), temperature)
    for place in np.argsort(-scores.values, kind="stable"):
        yield Proposal(
            prospect.columns.decode(prospect.candidates[place]),
            NAME,
            SearchStage.EXPLOITING if scores.rule == "model" else SearchStage.EXPLORING,
            _why(scores, prospect, int(place), temperature),
        )


def expected_gain(problem: Problem, knowledge: Knowledge) -> float | None:
    """Return what the next trial is expected to gain at most, as a share of the best objective.

    None while nothing is feasible, or nothing is left to try.
    """
    draw = Draw(problem.algorithm.seed, len(knowledge.finished))
    with one_thread():
        prospect = _look_ahead(problem, knowledge, draw, _temperature(problem, knowledge))
    if prospect is None or prospect.incumbent is None:
        return None
    return float((prospect.gains * prospect.belief.feasible.mean(axis=0)).max())


def _begin(problem: Problem, knowledge: Knowledge, draw: Draw) -> Iterator[Proposal]:
    """Yield what is least like the trials in flight, of which none has ended yet."""
    columns = Columns.of(problem.space)
    if not columns.parameters:
        return
    rng = np.random.default_rng(draw.seed_for("candidates"))
    candidates = untried(problem, knowledge, columns, 1.0, rng)
    flying = columns.encode([trial.parameters for trial in knowledge.in_flight])
    likeness = Likeness.between(flying, candidates, columns.are_numeric)
    alike = likeness.covariance(prior_weights(column_weights(columns))).sum(axis=0)
    rule = "spread" if len(flying) else "start"
    for place in np.argsort(alike, kind="stable"):
        parameters = columns.decode(candidates[place])
        yield Proposal(parameters, NAME, SearchStage.EXPLORING, {"rule": rule})


def _temperature(problem: Problem, knowledge: Knowledge) -> float:
    return max(0.0, 1.0 - len(knowledge.finished) / problem.max_trials)


def _look_ahead(
    problem: Problem, knowledge: Knowledge, draw: Draw, temperature: float
) -> _Prospect | None:
    beliefs = learn(problem, knowledge)
    if beliefs is None:
        return None
    rng = np.random.default_rng(draw.seed_for("candidates"))
    candidates = untried(problem, knowledge, beliefs.columns, temperature, rng)
    if not len(candidates):
        return None
    belief = beliefs.of(candidates, np.random.default_rng(draw.seed_for("futures")))
    incumbent = _incumbent(knowledge, beliefs)
    gains = np.zeros(len(candidates))
    if incumbent is not None:
        expected = expected_improvement(belief, incumbent).mean(axis=0)
        gains = relative_gain(problem, knowledge.finished, expected, incumbent)
    return _Prospect(candidates, beliefs.columns, belief, incumbent, gains)


def _incumbent(knowledge: Knowledge, beliefs: Beliefs) -> float | None:
    """Return the best believed loss of what was feasible: a lucky measurement is not believed."""
    feasible = [trial.parameters for trial in knowledge.finished if trial.is_feasible]
    if not feasible or beliefs.loss is None:
        return None
    return float(beliefs.at_present(beliefs.columns.encode(feasible)).loss.min())


def _scores(prospect: _Prospect, families: tuple[Family, ...], temperature: float) -> _Scores:
    belief, incumbent = prospect.belief, prospect.incumbent
    hint = 1 + OBJECTIVE_HINT * np.tanh(-_standardised(belief.loss.mean(axis=0)))
    likely = belief.feasible.mean(axis=0) * hint
    if incumbent is None:
        return _Scores(_first_feasible(belief, hint), "feasibility")
    for family in sorted(families, key=lambda each: each.tries):
        own = _belong(prospect.candidates, prospect.columns, family)
        if own.any() and _has_a_claim(family, belief, own, incumbent):
            return _Scores(np.where(own, likely, -1.0), "quota", family)
    gain = expected_improvement(belief, incumbent)
    curious = CURIOSITY * temperature * belief.loss_deviation
    return _Scores(((gain + curious) * belief.feasible).mean(axis=0), "model")


def _first_feasible(belief: Belief, hint: Floats) -> Floats:
    """Return what each candidate is worth while nothing is feasible.

    To be the first, in futures where nothing in flight is feasible; to be better, in the others.
    """
    none_flying = np.isinf(belief.best_flying)[:, None]
    gain = expected_improvement(belief, np.inf)
    return np.asarray((belief.feasible * np.where(none_flying, hint, gain)).mean(axis=0))


def _belong(candidates: Floats, columns: Columns, family: Family) -> Flags:
    place = columns.place_of(family.parameter)
    assert place is not None, "a choice of families has several values"
    position = columns.parameters[place].position_of(family.value)
    return np.asarray(candidates[:, place] == position)


def _has_a_claim(family: Family, belief: Belief, own: Flags, incumbent: float) -> bool:
    """Tell whether a family gets the next trial by its quota."""
    if family.is_feasible or family.tries >= MOST_TRIES:
        return False
    if family.tries < LEAST_TRIES:
        return True
    hopes = (belief.loss.mean(axis=0) - OPTIMISM * belief.loss_deviation)[own]
    return bool(hopes.min() < incumbent)


def expected_improvement(belief: Belief, incumbent: float) -> Floats:
    """Return by how much each is expected to better the incumbent, or what is in flight, (s, m).

    Infinite where there is neither.
    """
    best = np.minimum(incumbent, belief.best_flying)[:, None]
    away = (best - belief.loss) / belief.loss_deviation
    density = np.exp(-0.5 * away**2) / np.sqrt(2 * np.pi)
    return np.asarray(belief.loss_deviation * (away * ndtr(away) + density))


def _standardised(values: Floats) -> Floats:
    return np.asarray((values - values.mean()) / max(float(values.std()), 1e-9))


def _why(scores: _Scores, prospect: _Prospect, place: int, temperature: float) -> dict[str, Scalar]:
    why: dict[str, Scalar] = {
        "rule": scores.rule,
        "feasible": round(float(prospect.belief.feasible[:, place].mean()), 3),
        "runs": round(float(prospect.belief.runs[:, place].mean()), 3),
        "temperature": round(temperature, 3),
    }
    if scores.family is not None:
        why["family"] = scores.family.value
    if prospect.incumbent is not None:
        why["gain"] = round(float(prospect.gains[place]), 4)
    return why
