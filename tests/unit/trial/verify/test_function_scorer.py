"""The user's own function: means of scores, numbers of all samples, and functions that fail."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

import numpy as np
import pytest

from deploytune.contract.outcomes import Cause, OutcomeKind
from deploytune.contract.report import Measurement
from deploytune_trial.evaluation_function import import_evaluation_function
from deploytune_trial.failures import TrialFailure
from deploytune_trial.verify.function_scorer import FunctionScorer
from deploytune_trial.verify.scorers import Answers

Array = np.ndarray[Any, Any]
COUNT, PART = 400, 32

RNG = np.random.default_rng(4)
LABELS = RNG.integers(0, 2, COUNT)
REFERENCE = LABELS + RNG.normal(0, 0.5, COUNT)
SERVED = REFERENCE + RNG.normal(0, 0.1, COUNT)


def scores(function: Any, served: Array = SERVED) -> dict[str, Measurement]:
    with ExitStack() as files:
        scorer = FunctionScorer(function, files)
        for start in range(0, COUNT, PART):
            part = slice(start, start + PART)
            scorer.add(
                Answers(
                    {"y": served[part]}, {"y": REFERENCE[part]}, len(LABELS[part]), LABELS[part]
                )
            )
        return scorer.measurements()


def closeness(outputs: dict[str, Array], labels: Array | None) -> Array:
    assert labels is not None
    distance: Array = np.abs(outputs["y"] - labels)
    return -distance


def ranking(outputs: dict[str, Array], labels: Array | None) -> float:
    """The area under the ROC curve: no mean of scores."""
    assert labels is not None
    yes, no = outputs["y"][labels == 1], outputs["y"][labels == 0]
    return float(np.mean(yes[:, None] > no[None, :]))


def test_one_score_for_each_sample_is_averaged_with_its_interval() -> None:
    found = scores(closeness)
    score, drop = found["evaluation_score"], found["evaluation_score_drop"]
    assert score.value == pytest.approx(-np.abs(SERVED - LABELS).mean())
    assert drop.value == pytest.approx(
        np.abs(SERVED - LABELS).mean() - np.abs(REFERENCE - LABELS).mean()
    )
    assert score.half_width is not None
    assert drop.half_width is not None
    assert drop.half_width < score.half_width / 2


def test_one_number_is_that_of_all_samples_together() -> None:
    found = scores(ranking)
    score, drop = found["evaluation_score"], found["evaluation_score_drop"]
    assert score.value == ranking({"y": SERVED}, LABELS)
    assert drop.value == ranking({"y": REFERENCE}, LABELS) - score.value
    assert score.half_width is not None
    assert drop.half_width is not None
    assert drop.half_width < score.half_width


def test_a_number_that_parts_do_not_have_has_no_interval() -> None:
    def of_many(outputs: dict[str, Array], labels: Array | None) -> float:
        del labels
        if PART < len(outputs["y"]) < COUNT:
            raise ValueError
        return float(outputs["y"].mean())

    assert scores(of_many)["evaluation_score"].half_width is None


def test_outputs_without_the_batch_in_front_are_scored_by_the_sample() -> None:
    served = np.ones((5, 2, 3))
    with ExitStack() as files:
        scorer = FunctionScorer(lambda outputs, _: outputs["y"].mean(axis=(0, 2)), files)
        scorer.add(Answers({"y": served}, {"y": served}, 2))
        assert scorer.measurements()["evaluation_score"].value == 1.0


def test_one_number_of_outputs_without_the_batch_in_front_has_no_interval() -> None:
    served = np.ones((5, 2, 3))
    with ExitStack() as files:
        scorer = FunctionScorer(lambda outputs, _: float(outputs["y"].sum()), files)
        for _ in range(20):
            scorer.add(Answers({"y": served}, {"y": served}, 2))
        assert scorer.measurements()["evaluation_score"].value == 20 * served.size
        assert scorer.measurements()["evaluation_score"].half_width is None


def fails(_outputs: dict[str, Array], _labels: Array | None) -> Array:
    raise KeyError("logits")


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        pytest.param(
            fails, "on outputs of the original: failed (KeyError: 'logits')", id="it fails"
        ),
        pytest.param(
            lambda outputs, _: outputs["y"] * np.nan,
            "on outputs of the original: must return finite numbers",
            id="no numbers",
        ),
        pytest.param(
            lambda outputs, _: outputs["y"][:5],
            "must return one number, or one for each of the 32 samples it is given, got [5]",
            id="too few scores",
        ),
    ],
)
def test_a_function_that_fails_is_its_users_to_mend(function: Any, expected: str) -> None:
    with pytest.raises(TrialFailure) as raised:
        scores(function)
    assert raised.value.message == f"workload.evaluation.function: {expected}"
    assert raised.value.outcome is OutcomeKind.MISCONFIGURED


def test_a_function_that_only_the_served_outputs_break_shows_a_wrong_output() -> None:
    with pytest.raises(TrialFailure, match="on the served outputs") as raised:
        scores(lambda outputs, _: np.log(outputs["y"] + 10), SERVED - 1000)
    assert raised.value.cause is Cause.WRONG_OUTPUT


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
@pytest.mark.parametrize(
    "source", ["python:nowhere.at.all:f", "python:math:nothing", "python:math:pi"]
)
def test_a_function_that_is_not_there_is_refused(source: str) -> None:
    with pytest.raises(TrialFailure, match=r"evaluation.function: must name a function") as raised:
        import_evaluation_function(source)
    assert raised.value.cause is Cause.BAD_WORKLOAD
