"""A Gaussian process of a number: its mean and spread at configurations nobody has tried.

Targets are standardised; weights and noise are the mode of their posterior, under priors wide
enough that a dozen trials can move them (Rasmussen and Williams 2006, chapters 2 and 5).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.optimize import minimize

from deploytune.search.thermal.arrays import Floats, Positions
from deploytune.search.thermal.futures import Posterior
from deploytune.search.thermal.kernel import Likeness, prior_variance

PRIOR_TOTAL = 0.8
"""Sum of the weights before anything is known: with the pairs, about the targets' variance."""

PRIOR_SPREAD = 1.0
"""Standard deviation of a log weight: a parameter may matter e times more, or less, than others."""

PRIOR_NOISE, NOISE_SPREAD = 0.02, 1.0
"""Variance of the noise of standardised targets, and the deviation of its logarithm."""

LEAST_ROWS = 4
"""Below it weights stay as they are a priori: there is nothing to learn them from."""

MOST_FITTED_ROWS = 64
"""Rows that weights are learnt from; more cost time and hardly move them."""

STEPS = 4
"""Of the fit: more change neither what is predicted nor how surely (DeployBench, seeds 200-211)."""

FURTHEST = 4.0  # a log weight from its prior: beyond it nothing changes but the conditioning
JITTER = 1e-8


@dataclass(frozen=True)
class Expected:
    """What targets are like before any is known, worth so many of them.

    Without it the first target would be the mean and all others would be held for equal to it.
    `mean` is None where there is no telling: it is then that of the targets.
    """

    spread: float
    mean: float | None = None
    worth: float = 2.0

    def updated(self, targets: Floats) -> tuple[float, float]:
        """Return mean and standard deviation, of what was expected and of the targets together."""
        count = len(targets)
        mean = float(targets.mean())
        if self.mean is not None:
            mean = (self.worth * self.mean + count * mean) / (self.worth + count)
        squares = self.worth * self.spread**2 + float(((targets - mean) ** 2).sum())
        return mean, float(np.sqrt(squares / (self.worth + count)))


@dataclass(frozen=True)
class Scaling:
    """What was learnt of one output: how its targets are standardised, its weights, its noise."""

    mean: float
    spread: float
    weights: Floats
    noise: float

    @property
    def noise_variance(self) -> float:
        """Variance of one measurement, in the targets' unit squared."""
        return self.spread**2 * self.noise


@dataclass(frozen=True)
class Regression:
    """A process that knows its targets; `predict` gives it in the targets' own unit."""

    scaling: Scaling
    factor: tuple[Floats, bool]
    solved: Floats

    def predict(self, likeness: Likeness, flying: Likeness) -> Posterior:
        """Return the belief, noise left out, of f trials in flight and m others.

        `likeness` is of the n known rows with all of them, `flying` of those in flight with all.
        """
        scaling = self.scaling
        cross = likeness.covariance(scaling.weights)
        solved = cho_solve(self.factor, cross, check_finite=False)
        explained = np.einsum("nm,nm->m", cross, solved)
        variance = np.maximum(prior_variance(scaling.weights) - explained, JITTER)
        own = flying.covariance(scaling.weights)
        covariance = own - cross[:, : len(own)].T @ solved
        square = scaling.spread**2
        mean = scaling.mean + scaling.spread * (cross.T @ self.solved)
        return Posterior(mean, square * variance, square * covariance)


def learn_scaling(
    likeness: Likeness, targets: Floats, column_weights: Floats, expected: Expected
) -> Scaling:
    """Return what the targets of n rows teach about weights and noise.

    Args:
        likeness: of the rows with themselves, (columns, n, n).
        targets: (n,), n at least 1.
        column_weights: how much each column matters a priori, relative to the others.
        expected: of the targets, before any of them is known.
    """
    mean, spread = expected.updated(targets)
    before = Scaling(mean, spread, prior_weights(column_weights), PRIOR_NOISE)
    if len(targets) < LEAST_ROWS:
        return before
    rows = spread_evenly(len(targets), MOST_FITTED_ROWS)
    return _mode(likeness.of(rows, rows), (targets[rows] - mean) / spread, before)


def prior_weights(column_weights: Floats) -> Floats:
    """Return the weights before anything is known; `column_weights` are relative."""
    return np.asarray(PRIOR_TOTAL * column_weights / column_weights.sum())


def condition(scaling: Scaling, likeness: Likeness, targets: Floats) -> Regression:
    """Return the process that knows the targets of n rows."""
    covariance = likeness.covariance(scaling.weights)
    noisy = covariance + (scaling.noise + JITTER) * np.eye(len(targets))
    factor = cho_factor(noisy, lower=True, check_finite=False)
    standardised = (targets - scaling.mean) / scaling.spread
    return Regression(scaling, factor, cho_solve(factor, standardised, check_finite=False))


def spread_evenly(count: int, most: int) -> Positions:
    """Return at most so many of `count` positions, evenly spread, the last one among them."""
    if count <= most:
        return np.arange(count)
    return np.unique(np.linspace(0, count - 1, most).round().astype(np.intp))


def _mode(likeness: Likeness, targets: Floats, before: Scaling) -> Scaling:
    """Return weights and noise at the mode of their posterior."""
    centre = np.log(np.append(before.weights, before.noise))
    spreads = np.append(np.full(len(before.weights), PRIOR_SPREAD), NOISE_SPREAD)
    identity = np.eye(len(targets))

    def loss(logs: Floats) -> tuple[float, Floats]:
        weights, noise = np.exp(logs[:-1]), float(np.exp(logs[-1]))
        covariance = likeness.covariance(weights) + (noise + JITTER) * identity
        factor = cho_factor(covariance, lower=True, check_finite=False)
        inverse = cho_solve(factor, identity, check_finite=False)
        solved = inverse @ targets
        off = (logs - centre) / spreads
        fit = 0.5 * targets @ solved + np.log(factor[0].diagonal()).sum()
        outer = 0.5 * (inverse - np.outer(solved, solved))
        by_weight = likeness.gradient_against(weights, outer) * weights
        by_noise = float(np.trace(outer)) * noise
        gradient = np.append(by_weight, by_noise) + off / spreads
        return float(fit + 0.5 * off @ off), gradient

    bounds = [(middle - FURTHEST, middle + FURTHEST) for middle in centre]
    found = minimize(
        loss, centre, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": STEPS}
    ).x
    weights, noise = np.exp(found[:-1]), float(np.exp(found[-1]))
    return Scaling(before.mean, before.spread, weights, noise)
