"""What is computed from served and reference outputs; arrays and numbers only."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from deploytune_trial.models.interface import Array

DEVIATIONS_99 = 2.5758293035489004
"""How many standard deviations either side of the mean hold 99 % of a normal distribution."""


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


@dataclass(frozen=True)
class Share:
    """So many of so many."""

    hits: int = 0
    total: int = 0

    def joined_with(self, other: Share) -> Share:
        """Return the share over both."""
        return Share(self.hits + other.hits, self.total + other.total)

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


def correct(scores: Array, labels: Array) -> Share:
    """Count the samples whose highest score, on the last axis, is at their label."""
    return Share(int(np.sum(np.argmax(scores, axis=-1) == labels)), int(labels.size))
