"""What the finished trials make one believe of any configuration.

One model for each output: whether it runs at all, the margin to each limit, the objective. Trials
in flight are rows too, with what is predicted of them: their outcome is no news, and the next
proposal keeps away from them because nothing is left to be learnt there.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

from deploytune.search.history import FinishedTrial, Knowledge
from deploytune.search.problem import Problem
from deploytune.search.ranking import rank_of
from deploytune.search.thermal import outputs
from deploytune.search.thermal.arrays import Floats, Positions
from deploytune.search.thermal.classification import (
    Classification,
    classify,
    learn_label_weights,
)
from deploytune.search.thermal.columns import Columns
from deploytune.search.thermal.kernel import Likeness
from deploytune.search.thermal.outputs import Observed
from deploytune.search.thermal.regression import Expected, Regression, condition, learn_scaling

MOST_ROWS = 200
"""Finished trials that are remembered in full: the best half and the latest half of so many."""

FAMILY_WEIGHT = 2.0
"""A parameter that others hang on, or that comes first, matters more than the others a priori."""

MARGINS = Expected(spread=1.0, mean=0.0)
"""A limit is set where it matters, so that metrics lie around it, within a factor of e."""

LOSSES = Expected(spread=0.3)
"""Before anything is known, configurations differ by a third in the objective."""


@dataclass(frozen=True)
class Belief:
    """What is believed of m configurations; every array is (m,).

    `loss` is on the scale of `outputs.losses`.
    """

    runs: Floats
    feasible: Floats
    loss: Floats
    loss_deviation: Floats


@dataclass(frozen=True)
class Beliefs:
    """The models of one problem's outputs, over the rows of finished trials and those in flight."""

    columns: Columns
    known: Floats
    runs: Classification
    margins: tuple[tuple[Positions, Regression] | None, ...]
    loss: tuple[Positions, Regression] | None

    def of(self, rows: Floats) -> Belief:
        """Return what is believed of configurations, given as rows of the columns."""
        likeness = Likeness.between(self.known, rows, self.columns.are_numeric)
        count = len(rows)
        everyone = np.arange(count)
        runs = self.runs.predict(likeness)
        feasible = runs.copy()
        for known in self.margins:
            if known is not None:
                mean, deviation = _predict(known, likeness, everyone)
                noise = known[1].scaling.noise_deviation
                feasible *= ndtr(-mean / np.sqrt(deviation**2 + noise**2))
        loss, deviation = np.zeros(count), np.ones(count)
        if self.loss is not None:
            loss, deviation = _predict(self.loss, likeness, everyone)
        return Belief(runs, feasible, loss, deviation)


def learn(problem: Problem, knowledge: Knowledge) -> Beliefs | None:
    """Return what is believed, None while nothing has finished."""
    trials = _remembered(problem, knowledge.finished)
    if not trials:
        return None
    columns = Columns.of(problem.space)
    told = columns.encode([trial.parameters for trial in trials])
    flying = columns.encode([trial.parameters for trial in knowledge.in_flight])
    known = np.concatenate([told, flying])
    likeness = Likeness.between(known, known, columns.are_numeric)
    model = _Modelling(likeness, len(trials), column_weights(columns))
    return Beliefs(
        columns,
        known,
        model.labels(outputs.ran(problem, trials)),
        tuple(model.numbers(outputs.margins(c, trials), MARGINS) for c in problem.constraints),
        model.numbers(outputs.losses(problem, trials), LOSSES),
    )


@dataclass(frozen=True)
class _Modelling:
    """Fits models over the likeness of all rows, of which the first `told` have finished."""

    likeness: Likeness
    told: int
    column_weights: Floats

    @property
    def flying(self) -> Positions:
        return np.arange(self.told, self.likeness.by_column.shape[1])

    def labels(self, observed: Observed) -> Classification:
        rows, labels = observed.rows, observed.values
        own = self.likeness.of(rows, rows)
        weights = learn_label_weights(own, labels, self.column_weights)
        model = classify(weights, own, labels)
        everyone = np.arange(self.likeness.by_column.shape[1])
        if len(self.flying):
            predicted = model.predict(self.likeness.of(rows, self.flying))
            labels = np.concatenate([labels, predicted])
            model = classify(weights, self.likeness.of(everyone, everyone), labels)
        return model

    def numbers(
        self, observed: Observed, expected: Expected
    ) -> tuple[Positions, Regression] | None:
        rows, values = observed.rows, observed.values
        if not len(rows):
            return None
        own = self.likeness.of(rows, rows)
        scaling = learn_scaling(own, values, self.column_weights, expected)
        model = condition(scaling, own, values)
        if len(self.flying):
            predicted, _ = model.predict(self.likeness.of(rows, self.flying))
            rows = np.concatenate([rows, self.flying])
            model = condition(
                scaling, self.likeness.of(rows, rows), np.concatenate([values, predicted])
            )
        return rows, model


def _predict(
    known: tuple[Positions, Regression], likeness: Likeness, others: Positions
) -> tuple[Floats, Floats]:
    rows, model = known
    part = likeness if len(rows) == likeness.by_column.shape[1] else likeness.of(rows, others)
    return model.predict(part)


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
