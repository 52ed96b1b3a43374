"""A Gaussian process of yes and no: with which probability a configuration runs at all.

Logistic, by Laplace's approximation (Rasmussen and Williams 2006, algorithms 3.1 and 3.2). Weights
come from the same labels seen as numbers, which is cheap and close enough for them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.special import expit

from deploytune.search.thermal.arrays import Floats
from deploytune.search.thermal.futures import Posterior
from deploytune.search.thermal.kernel import Likeness, prior_variance
from deploytune.search.thermal.regression import Expected, learn_scaling

AMPLITUDE = 8.0
"""Variance of the log odds for each unit of variance of the labels: a value that always failed is
held for nearly hopeless after three trials, not after one."""

PRIOR_YES, PRIOR_NO = 2.0, 1.0
"""Trials assumed to have run, and not to, before any: most configurations run."""

LABELS = Expected(spread=0.5)
MOST_STEPS = 20
TOLERANCE = 1e-5


@dataclass(frozen=True)
class Classification:
    """A process that knows labels, over rows that were tried."""

    weights: Floats
    offset: float
    pull: Floats
    roots: Floats
    factor: tuple[Floats, bool]

    def predict(self, likeness: Likeness, flying: Likeness) -> Posterior:
        """Return the belief of the log odds of yes at f trials in flight and m others.

        `likeness` is of the n known rows with all of them, `flying` of those in flight with all.
        """
        cross = AMPLITUDE * likeness.covariance(self.weights)
        mean = self.offset + cross.T @ self.pull
        scaled = self.roots[:, None] * cross
        solved = cho_solve(self.factor, scaled, check_finite=False)
        variance = AMPLITUDE * prior_variance(self.weights) - np.einsum("nm,nm->m", scaled, solved)
        own = AMPLITUDE * flying.covariance(self.weights)
        covariance = own - scaled[:, : len(own)].T @ solved
        return Posterior(mean, np.maximum(variance, 0.0), covariance)


def chance_of_yes(mean: Floats, variance: Floats) -> Floats:
    """Return the probability of yes, log odds averaged over their spread (MacKay 1992)."""
    return np.asarray(expit(mean / np.sqrt(1 + np.pi * variance / 8)))


def learn_label_weights(likeness: Likeness, labels: Floats, column_weights: Floats) -> Floats:
    """Return the weights that labels of n rows teach, seen as numbers."""
    return learn_scaling(likeness, labels, column_weights, LABELS).weights


def classify(weights: Floats, likeness: Likeness, labels: Floats) -> Classification:
    """Return the process that knows the labels, 0 or 1, of n rows, n at least 1."""
    covariance = AMPLITUDE * likeness.covariance(weights)
    yes = (PRIOR_YES + labels.sum()) / (PRIOR_YES + PRIOR_NO + len(labels))
    offset = float(np.log(yes / (1 - yes)))
    latent = np.zeros(len(labels))
    for _ in range(MOST_STEPS):
        moved = covariance @ _newton_step(covariance, labels, offset, latent)[0]
        step = float(np.max(np.abs(moved - latent)))
        latent = moved
        if step < TOLERANCE:
            break
    return Classification(weights, offset, *_newton_step(covariance, labels, offset, latent))


def _newton_step(
    covariance: Floats, labels: Floats, offset: float, latent: Floats
) -> tuple[Floats, Floats, tuple[Floats, bool]]:
    chance = expit(offset + latent)
    curvature = np.maximum(chance * (1 - chance), TOLERANCE)
    roots = np.sqrt(curvature)
    inner = np.eye(len(labels)) + roots[:, None] * covariance * roots[None, :]
    factor = cho_factor(inner, lower=True, check_finite=False)
    wanted = curvature * latent + labels - chance
    pull = wanted - roots * cho_solve(factor, roots * (covariance @ wanted), check_finite=False)
    return pull, roots, factor
