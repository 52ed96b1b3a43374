"""What is kept of the outputs to say how good they are: one class for each kind of figure.

Each takes the samples a few at a time and keeps numbers only, so that memory does not grow with the
data.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from deploytune.contract.report import Measurement
from deploytune_trial.models.interface import Array, Arrays
from deploytune_trial.verify.bounds import Bounds, bounds_of_mean
from deploytune_trial.verify.statistics import Deviation, Mean, cosines, deviation


@dataclass(frozen=True)
class Answers:
    """Some samples: what Triton answered, what the original answers, and the labels.

    `count` is their number: outputs of a model that fixes its batch need not begin with it.
    """

    served: Arrays
    reference: Arrays
    count: int
    labels: Array | None = None


class Scorer(Protocol):
    """Takes answers and says what they come to."""

    @property
    def metrics(self) -> frozenset[str]:
        """The metrics that it measures."""
        ...

    def add(self, answers: Answers) -> None:
        """Take some samples."""
        ...

    def measurements(self) -> dict[str, Measurement]:
        """Return the figures so far by metric, each with its interval if it has one."""
        ...

    def bounds(self, metric: str, population: int, error: float) -> Bounds | None:
        """Bound a figure over so many samples by those seen; None where nothing is known.

        Each side is wrong with probability `error` at most.
        """
        ...


class DriftScorer:
    """How far any output moved: `output_drift`."""

    metrics = frozenset({"output_drift"})

    def __init__(self, outputs: list[str]) -> None:
        """Watch these outputs."""
        self._deviations = dict.fromkeys(outputs, Deviation())

    def add(self, answers: Answers) -> None:
        """Take some samples."""
        for name, known in self._deviations.items():
            found = deviation(answers.served[name], answers.reference[name])
            self._deviations[name] = known.joined_with(found)

    def measurements(self) -> dict[str, Measurement]:
        """Return the drift of the output that moved furthest."""
        drift = max(each.drift for each in self._deviations.values())
        return {"output_drift": Measurement(value=drift)}

    def bounds(self, metric: str, population: int, error: float) -> None:
        """Know nothing: one sample may move it anywhere."""
        del metric, population, error


class SimilarityScorer:
    """How alike the output is to the reference's: `cosine_similarity`."""

    metrics = frozenset({"cosine_similarity"})

    def __init__(self, output: str, *, batch_first: bool) -> None:
        """Watch this output; only where `batch_first` is each of its rows a sample."""
        self._output = output
        self._batch_first = batch_first
        self._mean = Mean()

    def add(self, answers: Answers) -> None:
        """Take some samples."""
        served, reference = answers.served[self._output], answers.reference[self._output]
        self._mean = self._mean.joined_with(Mean.of(cosines(served, reference)))

    def measurements(self) -> dict[str, Measurement]:
        """Return the mean cosine."""
        return {"cosine_similarity": measured(self._mean)}

    def bounds(self, metric: str, population: int, error: float) -> Bounds | None:
        """Bound the mean cosine."""
        if metric != "cosine_similarity" or not self._batch_first:
            return None
        return bounds_of_mean(self._mean, population, -1.0, 1.0, error)


def measured(mean: Mean) -> Measurement:
    """Return a mean as a measurement."""
    return Measurement(value=mean.value, half_width=mean.half_width)
