"""Find the ranges of activations by running calibration data through the prepared model.

ONNX Runtime's own entropy calibration makes 128 bins of a histogram of 128 bins, in which there is
nothing to merge: it always answers the whole range, as MinMax does. So the histogram here is finer.
The threshold is found in plain Python, in time that grows with the square of the bins; 512 take
about a tenth of a second for each tensor.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod
from onnxruntime.quantization.calibrate import create_calibrator, save_tensors_data

from deploytune_trial.build.calibration import Calibration
from deploytune_trial.models.interface import Array

METHODS = {
    "MinMax": CalibrationMethod.MinMax,
    "Entropy": CalibrationMethod.Entropy,
    "Percentile": CalibrationMethod.Percentile,
}

_OPTIONS: Mapping[str, Mapping[str, int | float]] = {
    "MinMax": {},
    "Entropy": {"num_bins": 512, "num_quantized_bins": 128},
    # What is left out is one value in ten thousand; fine bins, so that the cut falls near it.
    "Percentile": {"num_bins": 2048, "percentile": 99.99},
}
_RANGES_FILE = "ranges.json"
_OBSERVED_FILE = "observed.onnx"


def find_ranges(
    prepared: Path, calibration: Calibration, *, is_large: bool, is_symmetric: bool
) -> Path:
    """Write the range of every activation beside the prepared model; return the file."""
    calibrator = create_calibrator(
        prepared,
        augmented_model_path=str(prepared.with_name(_OBSERVED_FILE)),
        calibrate_method=METHODS[calibration.method],
        use_external_data_format=is_large,
        providers=["CPUExecutionProvider"],
        extra_options={**_OPTIONS[calibration.method], "symmetric": is_symmetric},
    )
    calibrator.collect_data(_Reader(calibration))
    ranges = prepared.with_name(_RANGES_FILE)
    save_tensors_data(calibrator.compute_data(), ranges)
    return ranges


class _Reader(CalibrationDataReader):  # type: ignore[misc] # onnxruntime has no types
    """Hands calibration batches to ONNX Runtime, None at their end."""

    def __init__(self, calibration: Calibration) -> None:
        self._batches = calibration.batches()

    def get_next(self) -> dict[str, Array] | None:
        """Return the next batch."""
        return next(self._batches, None)
