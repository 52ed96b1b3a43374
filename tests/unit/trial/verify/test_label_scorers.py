"""Figures of outputs and labels, next to what they are by hand or by their plain definition."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from deploytune_trial.failures import TrialFailure
from deploytune_trial.labels import METRICS_OF, Labelling, Layout
from deploytune_trial.verify.counts import GroupedCounts
from deploytune_trial.verify.label_scorers import label_scorer
from deploytune_trial.verify.scorers import Answers, Scorer

Array = np.ndarray[Any, Any]


def scored(
    served: Array, labels: Array, layout: Layout, *, reference: Array | None = None, **how: Any
) -> dict[str, float]:
    """The figures, the samples given in two parts."""
    scorer = label_scorer(Labelling("y", layout, **how))
    reference = served if reference is None else reference
    half = len(labels) // 2
    for part in (slice(0, half), slice(half, None)):
        if len(labels[part]):
            scorer.add(
                Answers(
                    {"y": served[part]}, {"y": reference[part]}, len(labels[part]), labels[part]
                )
            )
    assert set(scorer.measurements()) == METRICS_OF[layout] == scorer.metrics
    return {name: figure.value for name, figure in scorer.measurements().items()}


def one_hot(classes: Array, of: int) -> Array:
    scores: Array = np.eye(of, dtype=np.float32)[classes]
    return scores


def test_the_highest_score_is_the_class() -> None:
    scores = np.array([[0.1, 0.9], [0.8, 0.2], [0.4, 0.6]])
    figures = scored(scores, np.array([1, 0, 0]), Layout.CLASS_SCORES)
    assert figures["accuracy"] == pytest.approx(2 / 3)
    assert figures["accuracy_top5"] == 1.0


def test_a_label_among_the_five_highest_scores_is_right_in_the_top_five() -> None:
    scores = np.tile(np.arange(8.0), (4, 1))
    figures = scored(scores, np.array([7, 3, 2, 0]), Layout.CLASS_SCORES)
    assert figures["accuracy"] == 0.25
    assert figures["accuracy_top5"] == 0.5


def test_the_drop_is_that_of_the_same_samples() -> None:
    labels = np.array([0, 1, 2, 3])
    served, reference = one_hot(np.array([0, 1, 0, 0]), 4), one_hot(np.array([1, 1, 2, 3]), 4)
    figures = scored(served, labels, Layout.CLASS_SCORES, reference=reference)
    assert figures["accuracy"] == 0.5
    assert figures["accuracy_drop"] == 0.25


def test_f1_is_that_of_its_definition() -> None:
    """Classes 0: 2 right, 1 missed; 1: 1 right, 1 wrong; 2: 1 right; 3 does not occur."""
    labels, chosen = np.array([0, 0, 0, 1, 2]), np.array([0, 0, 1, 1, 2])
    figures = scored(one_hot(chosen, 4), labels, Layout.CLASS_SCORES)
    assert figures["f1_macro"] == pytest.approx((0.8 + 2 / 3 + 1) / 3)
    assert figures["f1_micro"] == pytest.approx(0.8)


def test_answers_of_a_sample_are_right_together() -> None:
    scores = np.array([[0.9, 0.2, 0.7], [0.6, 0.1, 0.4], [0.1, 0.1, 0.1]])
    labels = np.array([[1, 0, 1], [1, 1, 0], [0, 0, 1]])
    figures = scored(scores, labels, Layout.ANSWERS, threshold=0.5)
    assert figures["accuracy"] == pytest.approx(1 / 3)
    assert figures["f1_micro"] == pytest.approx(2 * 3 / (2 * 3 + 0 + 2))
    assert figures["f1_macro"] == pytest.approx((1 + 0 + 2 / 3) / 3)


def test_one_answer_for_each_sample_may_have_an_axis_of_its_own() -> None:
    logits, labels = np.array([[2.0], [-1.0], [3.0], [-2.0]]), np.array([1, 0, 0, 1])
    figures = scored(logits, labels, Layout.ANSWERS, threshold=0.0)
    assert figures["accuracy"] == 0.5
    assert figures["f1_macro"] == figures["f1_micro"] == 0.5


def test_an_output_may_name_the_classes_itself() -> None:
    figures = scored(np.array([3, 7, 900]), np.array([3, 8, 900]), Layout.CLASSES)
    assert figures["accuracy"] == pytest.approx(2 / 3)
    assert figures["f1_macro"] == 0.5


def test_classes_may_have_any_numbers() -> None:
    chosen = np.array([-1, 10**15, 10**15, 7])
    wanted = np.array([-1, 10**15, 7, 7])
    counts = GroupedCounts()
    counts.add(chosen, wanted, is_yes_no=False)
    assert counts.measurements()["f1_macro"].value == pytest.approx((1 + 2 / 3 + 2 / 3) / 3)
    assert counts.measurements()["f1_micro"].value == pytest.approx(0.75)


def test_several_classes_of_a_sample_count_by_their_share() -> None:
    labels = np.array([[0, 1], [1, 1], [0, 0], [1, 0]])
    figures = scored(
        one_hot(np.array([[0, 1], [1, 0], [0, 0], [0, 1]]), 2), labels, Layout.CLASS_SCORES
    )
    assert figures["accuracy"] == 5 / 8


def test_classes_may_lie_on_the_axis_after_the_samples() -> None:
    pixels = np.random.default_rng(1).integers(0, 3, (4, 5, 6))
    scores = np.moveaxis(one_hot(pixels, 3), -1, 1)
    assert scored(scores, pixels, Layout.CLASS_SCORES, class_axis=1)["accuracy"] == 1.0


def test_errors_of_values_are_their_mean_distance() -> None:
    output, labels = np.array([[1.0], [2.0], [4.0]], np.float32), np.array([1.5, 2.0, 3.0])
    assert scored(output, labels, Layout.VALUES)["mean_absolute_error"] == 0.5


@pytest.mark.parametrize(
    ("labels", "layout", "expected"),
    [
        pytest.param(
            np.array([0, 4]),
            Layout.CLASS_SCORES,
            "must hold classes, from 0 to 3, got 4",
            id="a class too high",
        ),
        pytest.param(
            np.array([0, -1]),
            Layout.CLASS_SCORES,
            "must hold classes, from 0 to 3, got -1",
            id="a class below zero",
        ),
        pytest.param(
            np.array([[0, 1, 2, 0], [0, 1, 0, 0]]),
            Layout.ANSWERS,
            "must hold 0 or 1, or floats if they are values, from 0 to 1, got 2",
            id="neither yes nor no",
        ),
        pytest.param(
            np.full((2, 4), np.nan), Layout.VALUES, "must hold finite values", id="no number"
        ),
    ],
)
def test_labels_that_an_output_cannot_have_are_refused(
    labels: Array, layout: Layout, expected: str
) -> None:
    with pytest.raises(TrialFailure, match=rf"workload.evaluationData: array 'label' {expected}"):
        scored(np.zeros((2, 4), np.float32), labels, layout)


@pytest.mark.parametrize("figure", ["f1_macro", "f1_micro"])
def test_the_interval_of_f1_holds_the_truth(figure: str) -> None:
    rng = np.random.default_rng(9)

    def draw(count: int) -> GroupedCounts:
        labels = rng.choice(4, count, p=[0.5, 0.3, 0.15, 0.05])
        chosen = np.where(rng.random(count) < 0.8, labels, rng.integers(0, 4, count))
        counts = GroupedCounts()
        counts.add(chosen, labels, is_yes_no=False)
        return counts

    truth = draw(1_000_000).measurements()[figure].value
    drawn = [draw(600).measurements()[figure] for _ in range(400)]
    held = [abs(one.value - truth) <= (one.half_width or 0.0) for one in drawn]
    assert np.mean(held) > 0.97
    assert np.mean([one.half_width or 1.0 for one in drawn]) < 0.15


@pytest.mark.parametrize("metric", ["accuracy", "accuracy_top5", "accuracy_drop"])
def test_shares_are_bounded_and_f1_is_not(metric: str) -> None:
    scorer: Scorer = label_scorer(Labelling("y", Layout.CLASS_SCORES))
    labels = np.zeros(100, np.int64)
    scorer.add(Answers({"y": one_hot(labels, 6)}, {"y": one_hot(labels, 6)}, len(labels), labels))
    bounds = scorer.bounds(metric, 1000, 0.01)
    assert bounds is not None
    assert bounds.low <= scorer.measurements()[metric].value <= bounds.high
    assert bounds.high - bounds.low < 0.12
    assert scorer.bounds("f1_macro", 1000, 0.01) is None
