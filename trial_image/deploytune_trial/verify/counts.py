"""Counts of right and wrong decisions by class, and the F1 they come to.

They are kept in twenty groups of samples, dealt out in turn. How much F1 changes when one group is
left out says how far it is from that of the population (the jackknife): F1 is no mean of samples.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from deploytune.contract.report import Measurement
from deploytune_trial.models.interface import Array
from deploytune_trial.verify.statistics import deviations_99

GROUPS = 20

_Counts = np.ndarray[Any, Any]


class GroupedCounts:
    """For each group and class: decided rightly, decided wrongly, and missed."""

    def __init__(self) -> None:
        """Begin with no samples."""
        self._counts: _Counts = np.zeros((3, GROUPS, 0), np.int64)
        self._places: dict[int, int] = {}
        self._samples = 0

    def add(self, chosen: Array, labels: Array, *, is_yes_no: bool) -> None:
        """Take decisions; of yes/no answers each column is a class, decided where it says yes."""
        numbers = (self._samples + np.arange(len(labels))) % GROUPS
        self._samples += len(labels)
        groups = np.repeat(numbers, labels.size // len(labels))
        if is_yes_no:
            width = labels.shape[-1] if labels.ndim > 1 else 1
            classes = np.tile(np.arange(width), labels.size // width)
            self._count(groups, classes, chosen.reshape(-1) == 1, labels.reshape(-1) == 1)
            return
        decided, wanted = chosen.reshape(-1), labels.reshape(-1)
        right = decided == wanted
        yes = np.ones_like(right)
        self._count(groups[right], wanted[right], yes[right], yes[right])
        self._count(groups[~right], decided[~right], yes[~right], ~yes[~right])
        self._count(groups[~right], wanted[~right], ~yes[~right], yes[~right])

    def measurements(self) -> dict[str, Measurement]:
        """Return both kinds of F1."""
        return {"f1_macro": self._measured(f1_macro), "f1_micro": self._measured(f1_micro)}

    def _count(self, groups: Array, classes: Array, decided: Array, wanted: Array) -> None:
        places = self._places_of(classes)
        more = len(self._places) - self._counts.shape[2]
        self._counts = np.pad(self._counts, ((0, 0), (0, 0), (0, more)))
        cases = (decided & wanted, decided & ~wanted, ~decided & wanted)
        for counts, case in zip(self._counts, cases, strict=True):
            np.add.at(counts, (groups[case], places[case]), 1)

    def _places_of(self, classes: Array) -> Array:
        """Return where classes are counted: their numbers may be any, also negative."""
        found, inverse = np.unique(classes, return_inverse=True)
        places = [self._places.setdefault(one, len(self._places)) for one in found.tolist()]
        of_each: Array = np.array(places, np.int64)[inverse]
        return of_each

    def _measured(self, figure: Callable[[_Counts], _Counts]) -> Measurement:
        total = self._counts.sum(axis=1, keepdims=True)
        value = float(figure(total)[0])
        if self._samples < GROUPS:
            return Measurement(value=value)
        without = figure(total - self._counts)
        variance = (GROUPS - 1) / GROUPS * float(np.sum((without - without.mean()) ** 2))
        return Measurement(value=value, half_width=deviations_99(GROUPS - 1) * math.sqrt(variance))


def f1_macro(counts: _Counts) -> _Counts:
    """Return the mean F1 of the classes that occur, in labels or decisions; 0 without any."""
    right, wrong, missed = counts
    occurring = np.maximum(1, np.sum(right + wrong + missed > 0, axis=-1))
    mean: _Counts = np.sum(_f1(right, wrong, missed), axis=-1) / occurring
    return mean


def f1_micro(counts: _Counts) -> _Counts:
    """Return the F1 of all classes together; 0 where nothing is decided nor wanted."""
    return _f1(*counts.sum(axis=-1))


def _f1(right: _Counts, wrong: _Counts, missed: _Counts) -> _Counts:
    f1: _Counts = 2 * right / np.maximum(1, 2 * right + wrong + missed)
    return f1
