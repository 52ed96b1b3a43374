"""Give a graph the types of a precision, before TensorRT reads it.

ModelOpt, NVIDIA's own tool, does it where it is installed, and alone knows fp8. Otherwise the
conversions of the ONNX builder do it, with ranges that TensorRT takes.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path

import numpy as np
import onnx

from deploytune_trial.build.calibration import Calibration
from deploytune_trial.build.graphs.conversions import Conversion, convert, refuse_unchanged
from deploytune_trial.build.variants import Variant
from deploytune_trial.failures import first_line, missing_dependency
from deploytune_trial.models.interface import Array

_CAST = frozenset({"fp16", "bf16"})
_MODELOPT = "nvidia-modelopt[onnx]"


def write_graph(source: Path, target: Path, precision: str, variant: Variant) -> str:
    """Write the graph in a precision; return the name of the tool that did it.

    Raises:
        TrialFailure: Crashed/Unsupported, the conversion changes nothing; Misconfigured, it needs
            ModelOpt and that is not installed.
    """
    if precision == "fp8":
        reason = why_no_modelopt()
        if reason is not None:
            remedy = f"precision fp8 needs it, install {_MODELOPT} ({reason})"
            raise missing_dependency("ModelOpt", remedy)
        assert variant.calibration is not None
        _quantise_to_fp8(source, target, variant.calibration)
        refuse_unchanged(target, precision)
        return "ModelOpt"
    if precision in _CAST and why_no_modelopt() is None:
        _cast(source, target, precision)
        refuse_unchanged(target, precision)
        return "ModelOpt"
    per_channel = variant.options.get("quantizationGranularity") == "PerChannel"
    conversion = Conversion(
        source, target, variant.calibration, per_channel=per_channel, for_tensorrt=True
    )
    convert(conversion, precision)
    return "onnxruntime"


def why_no_modelopt() -> str | None:
    """Return why ModelOpt's part for ONNX cannot be imported, or None."""
    try:
        import_module("modelopt.onnx.autocast")
    except ImportError as error:
        return first_line(error)
    return None


def calibration_arrays(calibration: Calibration) -> Mapping[str, Array]:
    """Return the calibration samples as ModelOpt wants them: whole arrays by input."""
    batches = list(calibration.batches())
    return {name: np.concatenate([batch[name] for batch in batches]) for name in batches[0]}


def _cast(source: Path, target: Path, precision: str) -> None:
    from modelopt.onnx.autocast import convert_to_mixed_precision

    model = convert_to_mixed_precision(
        onnx_path=str(source), low_precision_type=precision, keep_io_types=True
    )
    onnx.save(model, target)


def _quantise_to_fp8(source: Path, target: Path, calibration: Calibration) -> None:
    from modelopt.onnx.quantization import quantize

    quantize(
        onnx_path=str(source),
        quantize_mode="fp8",
        calibration_data=calibration_arrays(calibration),
        output_path=str(target),
    )
