"""The data that static quantisation looks at to find the ranges of activations.

The first samples of the file are taken, in their order: a deployment that is built again must be
the same one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np

from deploytune.contract.parameters import TRIAL_PARAMETERS
from deploytune.contract.request import TrialRequest
from deploytune_trial.evaluation_data import CALIBRATION_FIELD
from deploytune_trial.failures import bad_parameter, bad_workload
from deploytune_trial.models.interface import Array, ModelInterface
from deploytune_trial.sample_files import SampleFile, Samples

DEFAULT_SAMPLES = 128
"""Samples to look at when the parameter is absent; fewer where the data has fewer."""


@dataclass(frozen=True)
class Calibration:
    """The samples to look at, so many at a time, and the method that makes ranges of them."""

    method: str
    samples: Samples
    batch: int

    @classmethod
    def of(cls, request: TrialRequest, interface: ModelInterface, precision: str) -> Self:
        """Read the calibration data that a request names.

        Raises:
            TrialFailure: there is none, it does not suit the model, or it has too few samples.
        """
        path = request.workload.calibration_data
        if path is None:
            raise bad_workload(CALIBRATION_FIELD, f"must be given for precision {precision}")
        default = TRIAL_PARAMETERS["calibrationMethod"].default
        method = request.parameters.get("calibrationMethod", default)
        # One at a time: ONNX Runtime wants every batch of the same size.
        batch = 1 if interface.batched else request.workload.request_batch
        with SampleFile(path, CALIBRATION_FIELD, interface) as file:
            count = request.parameters.get("calibrationSamples", min(DEFAULT_SAMPLES, file.count))
            assert isinstance(count, int)
            if count > file.count:
                rule = f"must be at most {file.count}, the samples of {CALIBRATION_FIELD}"
                raise bad_parameter("calibrationSamples", rule, count)
            if count < batch:
                rule = f"must be at least {batch}, a batch"
                raise bad_parameter("calibrationSamples", rule, count)
            samples = file.leading(count)
        _check_finite(samples)
        return cls(str(method), samples, batch)

    def batches(self) -> Iterator[dict[str, Array]]:
        """Yield the samples batch by batch; a last one that is not full is left out."""
        for start in range(0, self.samples.count - self.batch + 1, self.batch):
            yield dict(self.samples.slice(start, start + self.batch).inputs)


def _check_finite(samples: Samples) -> None:
    """Refuse values of which no range can be made: the whole model would answer NaN."""
    for name, values in samples.inputs.items():
        if values.dtype.kind == "f" and not np.isfinite(values).all():
            raise bad_workload(CALIBRATION_FIELD, f"array {name!r} must have no NaN or infinity")
