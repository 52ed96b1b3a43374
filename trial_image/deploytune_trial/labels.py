"""What the labels of evaluation data are about, as far as shapes and types say it.

    labels                  output             what they are
    integers [n, ...]       floats [n, ..., c]   classes, their scores on the last axis
    integers [n, ...]       floats [n, c, ...]   classes, their scores on the axis after the samples
    0 or 1, output's shape  floats or booleans   yes/no answers, yes from the threshold on
    integers                integers, same shape classes, which the output names itself
    floats                  numbers, same shape  values

An axis of length 1 that only the output has at its end is no axis. Of two readings the first one
holds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto

import numpy as np

from deploytune.contract.metrics import METRICS, split_metric_key
from deploytune.contract.request import TrialRequest
from deploytune.contract.workload import Evaluation
from deploytune_trial.evaluation_data import EVALUATION_FIELD, LABEL, ArrayHeader
from deploytune_trial.failures import bad_workload
from deploytune_trial.models.interface import ModelInterface, Tensor

OUTPUT_FIELD = "workload.evaluation.output"
THRESHOLD_FIELD = "workload.evaluation.threshold"

_OPEN = -1


class Layout(Enum):
    """What labels are."""

    CLASS_SCORES = auto()
    ANSWERS = auto()
    CLASSES = auto()
    VALUES = auto()


_OF_CLASSES = frozenset({"accuracy", "accuracy_drop", "f1_macro", "f1_micro"})
METRICS_OF = {
    Layout.CLASS_SCORES: _OF_CLASSES | {"accuracy_top5"},
    Layout.ANSWERS: _OF_CLASSES,
    Layout.CLASSES: _OF_CLASSES,
    Layout.VALUES: frozenset({"mean_absolute_error"}),
}
"""Which metrics labels of each kind allow."""


@dataclass(frozen=True)
class Labelling:
    """The output that labels are about, and how to read both; the class axis counts the samples."""

    output: str
    layout: Layout
    class_axis: int = -1
    threshold: float = 0.0


def output_of(interface: ModelInterface, evaluation: Evaluation) -> Tensor:
    """Return the output that labels are about.

    Raises:
        TrialFailure: the model has no output of that name.
    """
    if evaluation.output is None:
        return interface.outputs[0]
    by_name = {tensor.name: tensor for tensor in interface.outputs}
    if evaluation.output not in by_name:
        raise bad_workload(OUTPUT_FIELD, f"must be one of {', '.join(by_name)}", evaluation.output)
    return by_name[evaluation.output]


def read_labelling(
    request: TrialRequest, interface: ModelInterface, headers: Mapping[str, ArrayHeader]
) -> Labelling | None:
    """Return how labels are held against an output; None without labels that have a meaning here.

    Labels that fit no output are left to the user's own function, if there is one.

    Raises:
        TrialFailure: Misconfigured; labels and output do not fit, or a metric that is asked for
            needs labels of another kind.
    """
    evaluation = request.workload.evaluating
    output = output_of(interface, evaluation)
    labels = headers.get(LABEL)
    asked = _asked_of_labels(request)
    if labels is None:
        return None
    found = _find(output, labels)
    if found is None and (asked or evaluation.function is None):
        raise bad_workload(
            EVALUATION_FIELD,
            f"array {LABEL!r} must hold classes, answers or values for output {output.name!r}, "
            f"{output.dtype} {['samples', *output.shape]}",
            f"{labels.dtype} {[*labels.shape]}",
        )
    if found is None:
        return None
    layout, axis = found
    for metric in asked:
        if metric not in METRICS_OF[layout]:
            allowed = ", ".join(sorted(METRICS_OF[layout]))
            rule = f"array {LABEL!r} allows {allowed}"
            raise bad_workload(EVALUATION_FIELD, rule, metric)
    if layout is Layout.ANSWERS and evaluation.threshold is None and output.dtype != "bool":
        raise bad_workload(
            THRESHOLD_FIELD,
            f"must be set where array {LABEL!r} is the yes or no of every score (one class of many "
            "for each sample is one number, not a row)",
        )
    return Labelling(output.name, layout, axis, evaluation.threshold or 0.0)


def _asked_of_labels(request: TrialRequest) -> list[str]:
    keys = [*request.objectives, *(limit.metric for limit in request.limits)]
    names = [split_metric_key(key)[0] for key in keys]
    return [name for name in names if name in METRICS and METRICS[name].needs_labels]


def _find(output: Tensor, labels: ArrayHeader) -> tuple[Layout, int] | None:
    shape, wanted = output.shape, labels.shape[1:]
    is_float = np.dtype(output.dtype).kind == "f"
    without_last = shape[:-1] if shape and shape[-1] == 1 else shape
    same = _agree(shape, wanted) or _agree(without_last, wanted)
    if np.dtype(labels.dtype).kind == "f":
        return (Layout.VALUES, -1) if same else None
    if not is_float:
        answers = np.dtype(output.dtype).kind == "b"
        return (Layout.ANSWERS if answers else Layout.CLASSES, -1) if same else None
    if shape and shape[-1] != 1 and _agree(shape[:-1], wanted):
        return Layout.CLASS_SCORES, -1
    if len(shape) > 1 and _agree(shape[1:], wanted):
        return Layout.CLASS_SCORES, 1
    return (Layout.ANSWERS, -1) if same else None


def _agree(shape: tuple[int, ...], wanted: tuple[int, ...]) -> bool:
    pairs = zip(shape, wanted, strict=False)
    return len(shape) == len(wanted) and all(one in {_OPEN, other} for one, other in pairs)
