"""What the user's own function says: `evaluation_score`, and its drop from the reference.

Scores for each sample are averaged as they come. A function that gives one number needs all samples
at once: outputs and labels are then kept in unnamed files, and it reads them from there. Its
interval comes from ten parts of the samples, each scored by itself.
"""

from __future__ import annotations

import itertools
import math
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from typing import IO, Any

import numpy as np

from deploytune.contract.outcomes import Cause
from deploytune.contract.report import Measurement
from deploytune_trial.evaluation_function import FUNCTION_FIELD, EvaluationFunction
from deploytune_trial.failures import TrialFailure, bad_workload, crashed, first_line
from deploytune_trial.models.interface import Array, Arrays
from deploytune_trial.verify.scorers import Answers, measured
from deploytune_trial.verify.statistics import Mean

PARTS = 10


class FunctionScorer:
    """Asks the function; where it fails on the original's outputs, the fault is the user's."""

    metrics = frozenset({"evaluation_score", "evaluation_score_drop"})

    def __init__(self, function: EvaluationFunction, files: ExitStack) -> None:
        """Score by `function`; what has to be kept on disk is gone when `files` ends."""
        self._function = function
        self._files = files
        self._score = Mean()
        self._drop = Mean()
        self._kept: _KeptAnswers | None = None

    def add(self, answers: Answers) -> None:
        """Take some samples.

        Raises:
            TrialFailure: Misconfigured if the function fails on the original's outputs,
                Crashed/WrongOutput if it fails on the served ones only.
        """
        if self._kept is not None:
            self._kept.add(answers)
            return
        reference = self._ask(answers.reference, answers.labels, _users_fault)
        if reference.ndim == 0:
            self._kept = _KeptAnswers(answers, self._files)
            self._kept.add(answers)
            return
        served = self._ask(answers.served, answers.labels, _outputs_fault)
        count = answers.count
        for scores in (reference, served):
            if scores.shape != (count,):
                rule = f"must return one number, or one for each of the {count} samples it is given"
                raise bad_workload(FUNCTION_FIELD, rule, [*scores.shape])
        self._score = self._score.joined_with(Mean.of(served))
        self._drop = self._drop.joined_with(Mean.of(reference - served))

    def measurements(self) -> dict[str, Measurement]:
        """Return the score and its drop.

        Raises:
            TrialFailure: as `add`.
        """
        if self._kept is None:
            score, drop = measured(self._score), measured(self._drop)
        else:
            score, drop = self._of_all(self._kept)
        return {"evaluation_score": score, "evaluation_score_drop": drop}

    def bounds(self, metric: str, population: int, error: float) -> None:
        """Know nothing: scores may be any numbers."""
        del metric, population, error

    def _of_all(self, kept: _KeptAnswers) -> tuple[Measurement, Measurement]:
        whole = slice(None)
        reference = self._number(kept.reference(whole), kept.labels(whole), _users_fault)
        served = self._number(kept.served(whole), kept.labels(whole), _outputs_fault)
        score, drop = self._widths(kept)
        return (
            Measurement(value=served, half_width=score),
            Measurement(value=reference - served, half_width=drop),
        )

    def _widths(self, kept: _KeptAnswers) -> tuple[float | None, float | None]:
        """Return half-widths of score and drop; None where parts cannot be scored alone."""
        if kept.count < PARTS or not kept.are_batch_first:
            return None, None
        ends = np.linspace(0, kept.count, PARTS + 1).astype(int)
        parts = [slice(int(a), int(b)) for a, b in itertools.pairwise(ends)]
        try:
            pairs = [
                [
                    self._number(outputs(part), kept.labels(part), _outputs_fault)
                    for outputs in (kept.served, kept.reference)
                ]
                for part in parts
            ]
        except TrialFailure:  # such as a measure that needs both classes in every part
            return None, None
        served, reference = np.array(pairs).T
        return Mean.of(served).half_width, Mean.of(reference - served).half_width

    def _number(self, outputs: dict[str, Array], labels: Array | None, fault: _Fault) -> float:
        scores = self._ask(outputs, labels, fault)
        if scores.ndim:
            raise fault(f"must always return one number, as at first, got {[*scores.shape]}")
        return float(scores)

    def _ask(self, outputs: Arrays, labels: Array | None, fault: _Fault) -> Array:
        try:
            scores = np.asarray(self._function(dict(outputs), labels), dtype=np.float64)
        except Exception as error:
            raise fault(f"failed ({type(error).__name__}: {first_line(error)})") from error
        if not np.isfinite(scores).all():
            raise fault("must return finite numbers")
        return scores


_Fault = Callable[[str], TrialFailure]


def _users_fault(what: str) -> TrialFailure:
    return bad_workload(FUNCTION_FIELD, f"on outputs of the original: {what}")


def _outputs_fault(what: str) -> TrialFailure:
    message = f"{FUNCTION_FIELD}: on the served outputs, unlike on those of the original: {what}"
    return crashed(Cause.WRONG_OUTPUT, message)


class _KeptArray:
    """An array in an unnamed file that grows by samples of one shape."""

    def __init__(self, first: Array, files: ExitStack) -> None:
        self._file: IO[bytes] = files.enter_context(tempfile.TemporaryFile())  # noqa: SIM115 - it is
        self._dtype, self._shape = first.dtype, first.shape[1:]
        self._count = 0

    def add(self, values: Array) -> None:
        if values.shape[1:] != self._shape:
            rule = "must return one score for each sample where outputs differ in shape"
            raise bad_workload(FUNCTION_FIELD, rule, [*values.shape[1:]])
        self._file.write(np.ascontiguousarray(values).tobytes())
        self._count += len(values)

    def part(self, part: slice) -> Array:
        self._file.flush()
        shape = (self._count, *self._shape)
        if not math.prod(shape):
            return np.empty(shape, self._dtype)[part]
        values: np.ndarray[Any, Any] = np.memmap(self._file, self._dtype, "r", 0, shape)
        return values[part]


class _KeptAnswers:
    """All outputs and labels, on disk."""

    def __init__(self, first: Answers, files: ExitStack) -> None:
        self._served = {name: _KeptArray(one, files) for name, one in first.served.items()}
        self._reference = {name: _KeptArray(one, files) for name, one in first.reference.items()}
        self._labels = None if first.labels is None else _KeptArray(first.labels, files)
        self.count = 0
        self.are_batch_first = True

    def add(self, answers: Answers) -> None:
        for kept, arrays in ((self._served, answers.served), (self._reference, answers.reference)):
            for name, values in arrays.items():
                kept[name].add(values)
        if self._labels is not None and answers.labels is not None:
            self._labels.add(answers.labels)
        self.count += answers.count
        rows = {len(values) for values in answers.served.values()}
        self.are_batch_first &= rows == {answers.count}

    def served(self, part: slice) -> dict[str, Array]:
        return {name: kept.part(part) for name, kept in self._served.items()}

    def reference(self, part: slice) -> dict[str, Array]:
        return {name: kept.part(part) for name, kept in self._reference.items()}

    def labels(self, part: slice) -> Array | None:
        return None if self._labels is None else self._labels.part(part)
