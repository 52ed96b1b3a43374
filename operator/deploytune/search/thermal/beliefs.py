"""What the finished trials make one believe of any configuration.

One model for each output: whether it runs at all, the margin to each limit, the objective. What the
trials in flight will show is not known: candidates are judged in several futures of them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expit, ndtr

from deploytune.search.history import FinishedTrial, Knowledge
from deploytune.search.problem import Problem
from deploytune.search.ranking import rank_of
from deploytune.search.thermal import outputs
from deploytune.search.thermal.arrays import Flags, Floats, Positions
from deploytune.search.thermal.classification import (
    Classification,
    chance_of_yes,
    classify,
    learn_label_weights,
)
from deploytune.search.thermal.columns import Columns
from deploytune.search.thermal.futures import Posterior, imagine
from deploytune.search.thermal.kernel import Likeness, Parts
from deploytune.search.thermal.outputs import Observed
from deploytune.search.thermal.regression import Expected, Regression, condition, learn_scaling

MOST_ROWS = 200
"""Finished trials that are remembered in full: the best half and the latest half of so many."""

FAMILY_WEIGHT = 2.0
"""A parameter that others hang on, or that comes first, matters more than the others a priori."""

MARGINS = Expected(spread=1.0, mean=0.0)
"""A limit is set where it matters, so that metrics lie around it, within a factor of e."""

LOSSES = Expected(spread=1.0, worth=4.0)
"""Before anything is known, the objective differs within a factor of e. A narrower guess makes the
first dozen predictions far too sure: ten times less likely than they say (DeployBench, 200-211)."""


@dataclass(frozen=True)
class Belief:
    """What is believed of m configurations in each of s futures of the trials in flight.

    `runs`, `feasible` and `loss` are (s, m), `loss_deviation` is (m,), the loss on the scale of
    `outputs.losses`. `best_flying` is the least loss of what is in flight and becomes feasible,
    infinite where nothing does: (s,).
    """

    runs: Floats
    feasible: Floats
    loss: Floats
    loss_deviation: Floats
    best_flying: Floats


@dataclass(frozen=True)
class Beliefs:
    """The models of one problem's outputs, over the rows of finished trials."""

    columns: Columns
    known: Floats
    flying: Floats
    runs: Classification
    margins: tuple[tuple[Positions, Regression] | None, ...]
    loss: tuple[Positions, Regression] | None

    def of(self, rows: Floats, rng: np.random.Generator) -> Belief:
        """Return what is believed of configurations, given as rows of the columns."""
        return self._believed(self.flying, rows, rng)

    def at_present(self, rows: Floats, doubt: float = 1.0) -> Belief:
        """Return what is believed whatever is in flight: s is 1.

        `doubt` widens the deviations of margins by a factor.
        """
        return self._believed(self.flying[:0], rows, np.random.default_rng(0), doubt)

    def _believed(
        self, flying: Floats, rows: Floats, rng: np.random.Generator, doubt: float = 1.0
    ) -> Belief:
        everyone = np.concatenate([flying, rows])
        likeness = Parts(Likeness.between(self.known, everyone, self.columns.are_numeric))
        own = Likeness.between(flying, everyone, self.columns.are_numeric)
        odds = imagine(self.runs.predict(likeness.whole, own), 0.0, rng)
        succeed = rng.random(odds.flying.shape) < expit(odds.flying)
        runs = chance_of_yes(odds.mean, odds.variance)
        feasible = runs.copy()
        for known in self.margins:
            if known is not None:
                noise = known[1].scaling.noise_variance
                margin = imagine(_predict(known, likeness, own), noise, rng)
                succeed &= margin.flying <= 0
                feasible *= ndtr(-margin.mean / np.sqrt(doubt**2 * margin.variance + noise))
        if self.loss is None:
            alike = np.zeros_like(runs)
            return Belief(runs, feasible, alike, np.ones(len(rows)), _best(succeed, 0.0))
        noise = self.loss[1].scaling.noise_variance
        loss = imagine(_predict(self.loss, likeness, own), noise, rng)
        best = _best(succeed, loss.flying)
        return Belief(runs, feasible, loss.mean, np.sqrt(loss.variance), best)


def learn(problem: Problem, knowledge: Knowledge) -> Beliefs | None:
    """Return what is believed, None while nothing has finished, or where nothing can vary."""
    trials = _remembered(problem, knowledge.finished)
    columns = Columns.of(problem.space)
    if not trials or not columns.parameters:
        return None
    known = columns.encode([trial.parameters for trial in trials])
    flying = columns.encode([trial.parameters for trial in knowledge.in_flight])
    likeness = Parts(Likeness.between(known, known, columns.are_numeric))
    model = _Modelling(likeness, column_weights(columns))
    return Beliefs(
        columns,
        known,
        flying,
        model.labels(outputs.ran(problem, trials)),
        tuple(model.numbers(outputs.margins(c, trials), MARGINS) for c in problem.constraints),
        model.numbers(outputs.losses(problem, trials), LOSSES),
    )


@dataclass(frozen=True)
class _Modelling:
    """Fits models over the likeness of all finished rows."""

    likeness: Parts
    column_weights: Floats

    def labels(self, observed: Observed) -> Classification:
        own = self.likeness.of(observed.rows, observed.rows)
        weights = learn_label_weights(own, observed.values, self.column_weights)
        return classify(weights, own, observed.values)

    def numbers(
        self, observed: Observed, expected: Expected
    ) -> tuple[Positions, Regression] | None:
        if not len(observed.rows):
            return None
        own = self.likeness.of(observed.rows, observed.rows)
        scaling = learn_scaling(own, observed.values, self.column_weights, expected)
        return observed.rows, condition(scaling, own, observed.values)


def _best(succeed: Flags, losses: Floats | float) -> Floats:
    return np.asarray(np.where(succeed, losses, np.inf).min(axis=1, initial=np.inf))


def _predict(known: tuple[Positions, Regression], likeness: Parts, own: Likeness) -> Posterior:
    rows, model = known
    everyone = np.arange(likeness.whole.by_column.shape[2])
    return model.predict(likeness.of(rows, everyone), own)


def _remembered(problem: Problem, trials: tuple[FinishedTrial, ...]) -> tuple[FinishedTrial, ...]:
    if len(trials) <= MOST_ROWS:
        return trials
    half = MOST_ROWS // 2
    latest = trials[-half:]
    best = sorted(trials[:-half], key=lambda trial: rank_of(problem, trial))[:half]
    kept = {id(trial) for trial in (*best, *latest)}
    return tuple(trial for trial in trials if id(trial) in kept)


def column_weights(columns: Columns) -> Floats:
    """Return how much each column matters before anything is known, relative to the others."""
    hung_on = {name for parameter in columns.space.parameters for name in parameter.when}
    first = next((p.name for p in columns.parameters if not p.is_numeric), None)
    likely = {*hung_on, first}
    return np.array([FAMILY_WEIGHT if p.name in likely else 1.0 for p in columns.parameters])
