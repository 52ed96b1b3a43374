"""What labels are follows from shapes and types, and what does not fit is refused by name."""

from __future__ import annotations

from typing import Any

import pytest
from trial_builders import a_request

from deploytune.contract.outcomes import Cause
from deploytune_trial.evaluation_data import ArrayHeader
from deploytune_trial.failures import TrialFailure
from deploytune_trial.labels import Labelling, Layout, read_labelling
from deploytune_trial.models.interface import ModelInterface, Tensor

N = 9
CLASSES, OPEN = 4, -1


def labelling(
    given: tuple[str, tuple[int, ...]],
    labels: tuple[str, tuple[int, ...]] | None,
    *,
    asked: str = "output_drift",
    **evaluation: Any,
) -> Labelling | None:
    outputs = (Tensor("y", *given), Tensor("z", "int64", ()))
    interface = ModelInterface((), outputs, batched=True)
    headers = {} if labels is None else {"label": ArrayHeader(labels[0], (N, *labels[1]))}
    request = a_request(objectives=[asked], workload={"evaluation": evaluation})
    return read_labelling(request, interface, headers)


@pytest.mark.parametrize(
    ("output", "labels", "expected"),
    [
        pytest.param(("float32", (CLASSES,)), ("int64", ()), (Layout.CLASS_SCORES, -1), id="class"),
        pytest.param(
            ("float32", (7, CLASSES)), ("uint8", (7,)), (Layout.CLASS_SCORES, -1), id="tokens"
        ),
        pytest.param(
            ("float32", (OPEN, CLASSES)), ("int64", (7,)), (Layout.CLASS_SCORES, -1), id="open axis"
        ),
        pytest.param(
            ("float32", (CLASSES, 5, 6)), ("int64", (5, 6)), (Layout.CLASS_SCORES, 1), id="pixels"
        ),
        pytest.param(("float32", (7,)), ("bool", (7,)), (Layout.ANSWERS, -1), id="answers"),
        pytest.param(("float32", (1,)), ("int64", ()), (Layout.ANSWERS, -1), id="one answer"),
        pytest.param(("float32", ()), ("int64", ()), (Layout.ANSWERS, -1), id="a scalar answer"),
        pytest.param(("int64", ()), ("int32", ()), (Layout.CLASSES, -1), id="named classes"),
        pytest.param(("bool", (7,)), ("bool", (7,)), (Layout.ANSWERS, -1), id="booleans"),
        pytest.param(("float32", (1,)), ("float64", ()), (Layout.VALUES, -1), id="a value"),
        pytest.param(("float32", (3,)), ("float32", (3,)), (Layout.VALUES, -1), id="values"),
    ],
)
def test_labels_are_what_their_shape_and_type_say(
    output: tuple[str, tuple[int, ...]],
    labels: tuple[str, tuple[int, ...]],
    expected: tuple[Layout, int],
) -> None:
    found = labelling(output, labels, threshold=0.5)
    assert found is not None
    assert (found.output, found.layout, found.class_axis) == ("y", *expected)


def test_the_workload_names_the_output() -> None:
    found = labelling(("float32", (CLASSES,)), ("int64", ()), output="z")
    assert found == Labelling("z", Layout.CLASSES)


def test_without_labels_there_is_nothing_to_hold_against() -> None:
    assert labelling(("float32", (CLASSES,)), None) is None


@pytest.mark.parametrize(
    ("output", "labels", "how", "expected"),
    [
        pytest.param(
            (CLASSES,),
            ("int64", (2,)),
            {},
            "workload.evaluationData: array 'label' must hold classes, answers or values for "
            "output 'y', float32 ['samples', 4], got 'int64 [9, 2]'",
            id="another shape",
        ),
        pytest.param(
            (CLASSES,),
            ("int64", ()),
            {"asked": "mean_absolute_error"},
            "workload.evaluationData: array 'label' allows accuracy, accuracy_drop, "
            "accuracy_top5, f1_macro, f1_micro, got 'mean_absolute_error'",
            id="a metric of other labels",
        ),
        pytest.param(
            (CLASSES,),
            ("int64", (CLASSES,)),
            {},
            "workload.evaluation.threshold: must be set where array 'label' is the yes or no of "
            "every score (one class of many for each sample is one number, not a row)",
            id="one-hot labels, or answers without a threshold",
        ),
        pytest.param(
            (CLASSES,),
            ("int64", ()),
            {"output": "logits"},
            "workload.evaluation.output: must be one of y, z, got 'logits'",
            id="no such output",
        ),
    ],
)
def test_what_does_not_fit_is_refused_by_name(
    output: tuple[int, ...],
    labels: tuple[str, tuple[int, ...]],
    how: dict[str, Any],
    expected: str,
) -> None:
    with pytest.raises(TrialFailure) as raised:
        labelling(("float32", output), labels, **how)
    assert raised.value.message == expected
    assert raised.value.cause is Cause.BAD_WORKLOAD


def test_labels_of_any_shape_are_left_to_the_users_function() -> None:
    function = "python:somewhere:score"
    assert labelling(("float32", (CLASSES,)), ("float32", (50, 6)), function=function) is None
