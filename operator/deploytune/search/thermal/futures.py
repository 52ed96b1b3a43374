"""What the trials in flight may turn out to be, and what would then be believed of others.

Futures are drawn from the joint belief of the trials in flight. Given a future, the belief of a
candidate is conditioned on it, so that a candidate much like a trial in flight is worth little: it
would only succeed where that one does (the expected improvement over pending evaluations of
Snoek, Larochelle and Adams 2012, section 3.3). No model is learnt anew for it: conditioning a
Gaussian belief on a few values is a small linear system.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from deploytune.search.thermal.arrays import Floats

FUTURES = 32
"""Drawn while anything is in flight: the mean of so many orders candidates well enough."""

_JITTER = 1e-6


@dataclass(frozen=True)
class Posterior:
    """The belief of one latent value at f trials in flight, followed by m candidates.

    `mean` and `variance` are (f + m,), `covariance` is that of the flying with all, (f, f + m).
    """

    mean: Floats
    variance: Floats
    covariance: Floats

    @property
    def flying(self) -> int:
        """How many are in flight."""
        return len(self.covariance)


@dataclass(frozen=True)
class Imagined:
    """A latent value in s futures: of the flying (s, f), and of candidates then: (s, m), (m,)."""

    flying: Floats
    mean: Floats
    variance: Floats


def how_many(flying: int) -> int:
    """Return how many futures are worth drawing: one, the present, where nothing is in flight."""
    return FUTURES if flying else 1


def imagine(posterior: Posterior, noise_variance: float, rng: np.random.Generator) -> Imagined:
    """Draw what the trials in flight show, with noise, and condition the candidates on it."""
    flying = posterior.flying
    mean, variance = posterior.mean[flying:], posterior.variance[flying:]
    futures = how_many(flying)
    if not flying:
        return Imagined(np.zeros((futures, 0)), mean[None, :], variance)
    own, cross = posterior.covariance[:, :flying], posterior.covariance[:, flying:]
    spread = noise_variance + _JITTER * max(1.0, float(np.diag(own).max()))
    factor = cho_factor((own + own.T) / 2 + spread * np.eye(flying), lower=True)
    off = rng.standard_normal((futures, flying)) @ np.tril(factor[0]).T
    taught = cho_solve(factor, cross)
    left = variance - np.einsum("fm,fm->m", cross, taught)
    return Imagined(posterior.mean[:flying] + off, mean + off @ taught, np.maximum(left, _JITTER))
