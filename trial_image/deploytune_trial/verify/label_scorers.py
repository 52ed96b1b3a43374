"""Accuracy, F1 and errors: what comes of holding outputs against labels."""

from __future__ import annotations

from typing import Any

import numpy as np

from deploytune.contract.report import Measurement
from deploytune_trial.evaluation_data import EVALUATION_FIELD, LABEL
from deploytune_trial.failures import bad_workload
from deploytune_trial.labels import METRICS_OF, Labelling, Layout
from deploytune_trial.models.interface import Array
from deploytune_trial.verify.bounds import Bounds, bounds_of_mean, bounds_of_share
from deploytune_trial.verify.counts import GroupedCounts
from deploytune_trial.verify.scorers import Answers, Scorer, measured
from deploytune_trial.verify.statistics import Mean, PairedShares, Share

_TOP = 5


def label_scorer(labelling: Labelling) -> Scorer:
    """Return what scores outputs against labels of a kind."""
    return (
        ValueScorer(labelling.output)
        if labelling.layout is Layout.VALUES
        else ClassScorer(labelling)
    )


class ClassScorer:
    """Which classes, or yes/no answers, are right: accuracy, its drop, top-5 and F1.

    A sample with several classes counts by the share of them that is right; one with several yes/no
    answers is right when all of them are.
    """

    def __init__(self, labelling: Labelling) -> None:
        """Read outputs and labels as `labelling` says."""
        self.metrics = METRICS_OF[labelling.layout]
        self._labelling = labelling
        self._right = Mean()
        self._drop = Mean()
        self._top = Mean()
        self._lost = self._won = 0
        self._are_whole = True
        self._counts = GroupedCounts()

    def add(self, answers: Answers) -> None:
        """Take some samples.

        Raises:
            TrialFailure: a label that the output cannot have.
        """
        name, layout = self._labelling.output, self._labelling.layout
        assert answers.labels is not None
        served = self._scores(answers.served[name])
        labels = _checked(answers.labels, served, layout)
        chosen = self._chosen(served, labels)
        right = self._right_of(chosen, labels)
        reference = self._chosen(self._scores(answers.reference[name]), labels)
        difference = self._right_of(reference, labels) - right
        self._right = self._right.joined_with(Mean.of(right))
        self._drop = self._drop.joined_with(Mean.of(difference))
        self._lost += int(np.sum(difference == 1))
        self._won += int(np.sum(difference == -1))
        self._are_whole &= bool(np.all((right == 0) | (right == 1)))
        if layout is Layout.CLASS_SCORES:
            self._top = self._top.joined_with(Mean.of(_per_sample(_among_top(served, labels))))
        self._counts.add(chosen, labels, is_yes_no=layout is Layout.ANSWERS)

    def measurements(self) -> dict[str, Measurement]:
        """Return the figures by metric."""
        found = {"accuracy": self._share(self._right), "accuracy_drop": self._measured_drop()}
        if self._labelling.layout is Layout.CLASS_SCORES:
            found["accuracy_top5"] = self._share(self._top)
        return found | self._counts.measurements()

    def bounds(self, metric: str, population: int, error: float) -> Bounds | None:
        """Bound accuracy, top-5 and the drop."""
        if metric == "accuracy_drop":
            return self._bounds_of_drop(population, error)
        seen = {"accuracy": self._right, "accuracy_top5": self._top}.get(metric)
        if seen is None or not seen.count:
            return None
        if self._are_whole:
            return bounds_of_share(_share_of(seen), population, error)
        return bounds_of_mean(seen, population, 0.0, 1.0, error)

    def _bounds_of_drop(self, population: int, error: float) -> Bounds:
        if not self._are_whole:
            return bounds_of_mean(self._drop, population, -1.0, 1.0, error)
        lost, won = (
            bounds_of_share(Share(count, self._drop.count), population, error / 2)
            for count in (self._lost, self._won)
        )
        return Bounds(lost.low - won.high, lost.high - won.low)

    def _scores(self, output: Array) -> Array:
        """Return an output with its classes, if it has scores of some, on the last axis."""
        if self._labelling.layout is Layout.CLASS_SCORES and self._labelling.class_axis != -1:
            return np.moveaxis(output, self._labelling.class_axis, -1)
        return output

    def _chosen(self, scores: Array, labels: Array) -> Array:
        """Return the classes, or the answers, that an output chooses."""
        layout = self._labelling.layout
        if layout is Layout.CLASS_SCORES:
            classes: Array = np.argmax(scores, axis=-1)
            return classes
        reshaped = scores.reshape(labels.shape)
        if layout is Layout.CLASSES:
            return reshaped
        is_yes = reshaped if reshaped.dtype == bool else reshaped >= self._labelling.threshold
        return is_yes.astype(np.int64)

    def _right_of(self, chosen: Array, labels: Array) -> Array:
        right = _per_sample(chosen == labels)
        return np.floor(right) if self._labelling.layout is Layout.ANSWERS else right

    def _share(self, seen: Mean) -> Measurement:
        if not self._are_whole:
            return measured(seen)
        share = _share_of(seen)
        return Measurement(value=share.value, half_width=share.half_width)

    def _measured_drop(self) -> Measurement:
        if not self._are_whole:
            return measured(self._drop)
        pairs = PairedShares(self._lost, self._won, self._drop.count)
        return Measurement(value=pairs.drop, half_width=pairs.half_width)


class ValueScorer:
    """How far values are from their labels: `mean_absolute_error`."""

    def __init__(self, output: str) -> None:
        """Watch this output."""
        self._output = output
        self._mean = Mean()

    @property
    def metrics(self) -> frozenset[str]:
        """The metrics that it measures."""
        return METRICS_OF[Layout.VALUES]

    def add(self, answers: Answers) -> None:
        """Take some samples.

        Raises:
            TrialFailure: a label, or an output of the original, is NaN or infinite.
        """
        assert answers.labels is not None
        if not np.isfinite(answers.labels).all():
            raise bad_workload(EVALUATION_FIELD, f"array {LABEL!r} must hold finite values")
        output = answers.served[self._output].reshape(answers.labels.shape)
        errors = np.abs(output.astype(np.float64) - answers.labels)
        if not np.isfinite(errors).all():
            rule = f"output {self._output!r} of the original must be finite to have an error"
            raise bad_workload(EVALUATION_FIELD, rule)
        self._mean = self._mean.joined_with(Mean.of(_per_sample(errors)))

    def measurements(self) -> dict[str, Measurement]:
        """Return the mean absolute error."""
        return {"mean_absolute_error": measured(self._mean)}

    def bounds(self, metric: str, population: int, error: float) -> None:
        """Know nothing: errors have no upper end."""
        del metric, population, error


def _checked(labels: Array, output: Array, layout: Layout) -> Array:
    """Return labels as integers.

    Raises:
        TrialFailure: one that the output cannot have.
    """
    if layout is Layout.CLASSES:
        return labels.astype(np.int64)
    highest = 1 if layout is Layout.ANSWERS else output.shape[-1] - 1
    wrong = labels[(labels < 0) | (labels > highest)]
    if wrong.size:
        what = "0 or 1, or floats if they are values" if layout is Layout.ANSWERS else "classes"
        rule = f"array {LABEL!r} must hold {what}, from 0 to {highest}"
        raise bad_workload(EVALUATION_FIELD, rule, wrong.flat[0].item())
    return labels.astype(np.int64)


def _among_top(scores: Array, labels: Array) -> Array:
    """Tell for each label whether fewer than five other classes have a higher score."""
    own = np.take_along_axis(scores, labels[..., np.newaxis], axis=-1)
    higher = np.sum(scores > own, axis=-1)
    among: Array = (higher < _TOP) & np.isfinite(own[..., 0])
    return among


def _per_sample(values: Array) -> Array:
    mean: np.ndarray[Any, Any] = values.reshape(len(values), -1).mean(axis=1, dtype=np.float64)
    return mean


def _share_of(seen: Mean) -> Share:
    return Share(round(seen.value * seen.count), seen.count)
