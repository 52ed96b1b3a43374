"""What is computed from served and reference outputs; arrays and numbers only.

Every half-width is one half of a 99 % interval for the population that the samples come from.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from deploytune_trial.models.interface import Array

DEVIATIONS_99 = 2.5758293035489004
"""How many standard deviations either side of the mean hold 99 % of a normal distribution."""

_FEWEST_FOR_SPREAD = 8  # below, the series of `deviations_99` is too small


@dataclass(frozen=True)
class Deviation:
    """How far outputs are from their reference, and how large the reference gets."""

    largest_difference: float = 0.0
    largest_reference: float = 0.0

    def joined_with(self, other: Deviation) -> Deviation:
        """Return the deviation over the samples of both."""
        return Deviation(
            max(self.largest_difference, other.largest_difference),
            max(self.largest_reference, other.largest_reference),
        )

    @property
    def drift(self) -> float:
        """The largest difference over the largest reference; over 1 where that is always zero."""
        return self.largest_difference / (self.largest_reference or 1.0)


def deviation(served: Array, reference: Array) -> Deviation:
    """Compare outputs of equal shape where the reference is finite."""
    finite = np.isfinite(reference)
    wanted = reference[finite].astype(np.float64)
    difference = np.abs(served[finite].astype(np.float64) - wanted)
    return Deviation(
        float(np.max(difference, initial=0.0)), float(np.max(np.abs(wanted), initial=0.0))
    )


def cosines(served: Array, reference: Array) -> Array:
    """Return each sample's cosine between outputs of equal shape, where the reference is finite.

    Two outputs of zeros are alike; one alone is like nothing.
    """
    finite = np.isfinite(reference)
    one, other = (
        np.where(finite, values, 0).astype(np.float64).reshape(len(values), -1)
        for values in (served, reference)
    )
    lengths = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
    both_zero = ~(one.any(axis=1) | other.any(axis=1))
    products = np.einsum("ij,ij->i", one, other)
    angles = np.divide(products, lengths, out=np.zeros(len(one)), where=lengths > 0)
    cosine: Array = np.where(both_zero, 1.0, np.clip(angles, -1.0, 1.0))
    return cosine


@dataclass(frozen=True)
class Share:
    """So many of so many."""

    hits: int = 0
    total: int = 0

    @property
    def value(self) -> float:
        """The share itself."""
        return self.hits / self.total

    @property
    def half_width(self) -> float:
        """The distance to the farther end of Wilson's 99 % interval.

        That interval lies closer to one half than the share does, so its two ends are not equally
        far; the farther one keeps the promise on both sides.
        """
        z_squared_share = DEVIATIONS_99**2 / self.total
        shrinkage = 1 + z_squared_share
        centre = (self.value + z_squared_share / 2) / shrinkage
        variance = self.value * (1 - self.value) + z_squared_share / 4
        return abs(centre - self.value) + math.sqrt(z_squared_share * variance) / shrinkage


@dataclass(frozen=True)
class PairedShares:
    """Samples that only the reference gets right (lost), only the variant (won), and all."""

    lost: int = 0
    won: int = 0
    total: int = 0

    @property
    def drop(self) -> float:
        """The reference's share minus the variant's."""
        return (self.lost - self.won) / self.total

    @property
    def half_width(self) -> float:
        """The half-width of Agresti and Min's interval: half a sample more in every cell.

        Only samples on which the two differ count, so it is far narrower than that of either share.
        Where the added samples move its centre, the distance to the farther end.
        """
        total = self.total + 2
        lost, won = self.lost + 0.5, self.won + 0.5
        centre = (lost - won) / total
        variance = (lost + won - (lost - won) ** 2 / total) / total**2
        return abs(centre - self.drop) + DEVIATIONS_99 * math.sqrt(variance)


@dataclass(frozen=True)
class Mean:
    """Count, mean and sum of squared deviations of scores, one for each sample."""

    count: int = 0
    value: float = 0.0
    squares: float = 0.0

    @classmethod
    def of(cls, scores: Array) -> Mean:
        """Return the mean of some scores."""
        if not len(scores):
            return cls()
        value = float(np.mean(scores, dtype=np.float64))
        return cls(len(scores), value, float(np.sum((scores - value) ** 2)))

    def joined_with(self, other: Mean) -> Mean:
        """Return the mean over both."""
        count = self.count + other.count
        if count == 0:
            return self
        apart = other.value - self.value
        weight = other.count / count
        squares = self.squares + other.squares + apart**2 * self.count * weight
        return Mean(count, self.value + apart * weight, squares)

    @property
    def variance(self) -> float:
        """The scores' variance, each counted once."""
        return self.squares / self.count

    @property
    def half_width(self) -> float | None:
        """The half-width of Student's 99 % interval; None for very few scores."""
        if self.count < _FEWEST_FOR_SPREAD:
            return None
        freedom = self.count - 1
        return deviations_99(freedom) * math.sqrt(self.squares / freedom / self.count)


def deviations_99(freedom: int) -> float:
    """Return `DEVIATIONS_99` for Student's distribution, by the Cornish-Fisher series."""
    z = DEVIATIONS_99
    first = (z**3 + z) / 4
    second = (5 * z**5 + 16 * z**3 + 3 * z) / 96
    third = (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384
    return z + first / freedom + second / freedom**2 + third / freedom**3
