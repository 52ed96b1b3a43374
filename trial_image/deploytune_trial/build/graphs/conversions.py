"""Convert an ONNX file to a precision; inputs and outputs keep their types.

Each imports what it needs itself: ONNX Runtime's tools take their time, and fp32 needs none.
A conversion that changes nothing is refused: serving fp32 under another name would teach the
search something untrue.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import onnx
from onnx import ModelProto, TensorProto

from deploytune.contract.outcomes import Cause
from deploytune_trial.build.calibration import Calibration
from deploytune_trial.failures import crashed

LARGEST_INLINE_BYTES = 2**30
"""Weights beyond this lie in a file beside the model: protobuf ends at 2 GiB."""

_PREPARED_FILE = "prepared.onnx"
_TENSORRT_QUANTISATION = {
    "ActivationSymmetric": True,
    "WeightSymmetric": True,
    "QuantizeBias": False,
    "DedicatedQDQPair": True,
}


@dataclass(frozen=True)
class Conversion:
    """A file to convert, the file to write, and what static quantisation looks at.

    `for_tensorrt` makes ranges symmetric and leaves biases in floats: TensorRT takes no others.
    """

    source: Path
    target: Path
    calibration: Calibration | None = None
    per_channel: bool = False
    for_tensorrt: bool = False
    largest_inline_bytes: int = LARGEST_INLINE_BYTES

    @property
    def is_large(self) -> bool:
        """Whether the weights must lie beside the written model."""
        model = onnx.load(self.source, load_external_data=False)
        outside = sum((self.source.parent / name).stat().st_size for name in external_files(model))
        return self.source.stat().st_size + outside > self.largest_inline_bytes


def convert(conversion: Conversion, precision: str) -> None:
    """Write the source in a precision to the target.

    Raises:
        TrialFailure: Crashed/Unsupported, the conversion changes nothing.
    """
    _CONVERSIONS[precision](conversion)
    refuse_unchanged(conversion.target, precision)


def refuse_unchanged(target: Path, precision: str) -> None:
    """Refuse a converted file in which nothing is in the precision.

    Raises:
        TrialFailure: Crashed/Unsupported.
    """
    changed = _SIGNS.get(precision)
    if changed is not None and not changed(onnx.load(target, load_external_data=False)):
        raise crashed(Cause.UNSUPPORTED, f"the model has nothing that {precision} would change")


def external_files(model: ModelProto) -> set[str]:
    """Return the files beside a model, as it names them, that hold its weights."""
    return {
        entry.value
        for tensor in model.graph.initializer
        for entry in tensor.external_data
        if entry.key == "location"
    }


def _to_float32(conversion: Conversion) -> None:
    _save(onnx.load(conversion.source), conversion)


def _to_float16(conversion: Conversion) -> None:
    from onnxruntime.transformers.float16 import convert_float_to_float16

    model = convert_float_to_float16(
        onnx.load(conversion.source),
        keep_io_types=True,
        # Shape inference works on one protobuf, which ends at 2 GiB.
        disable_shape_infer=conversion.is_large,
    )
    _save(model, conversion)


def _to_bfloat16(conversion: Conversion) -> None:
    from deploytune_trial.build.graphs.bfloat16 import convert_to_bfloat16

    _save(convert_to_bfloat16(onnx.load(conversion.source)), conversion)


def _to_dynamic_int8(conversion: Conversion) -> None:
    from onnxruntime.quantization import QuantType, quantize_dynamic

    quantize_dynamic(
        _prepare(conversion),
        conversion.target,
        weight_type=QuantType.QInt8,
        per_channel=conversion.per_channel,
        use_external_data_format=conversion.is_large,
    )


def _to_static_int8(conversion: Conversion) -> None:
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_static

    from deploytune_trial.build.graphs.ranges import METHODS, find_ranges

    assert conversion.calibration is not None
    prepared = _prepare(conversion)
    quantize_static(
        prepared,
        conversion.target,
        calibration_cache_path=find_ranges(
            prepared,
            conversion.calibration,
            is_large=conversion.is_large,
            is_symmetric=conversion.for_tensorrt,
        ),
        calibrate_method=METHODS[conversion.calibration.method],
        quant_format=QuantFormat.QDQ,
        activation_type=QuantType.QInt8,
        weight_type=QuantType.QInt8,
        per_channel=conversion.per_channel,
        use_external_data_format=conversion.is_large,
        extra_options=_TENSORRT_QUANTISATION if conversion.for_tensorrt else {},
    )


def _prepare(conversion: Conversion) -> Path:
    """Infer shapes and fold what is constant, as ONNX Runtime advises before quantising."""
    from onnxruntime.quantization.shape_inference import quant_pre_process

    prepared = conversion.target.with_name(_PREPARED_FILE)
    quant_pre_process(conversion.source, prepared, save_as_external_data=conversion.is_large)
    return prepared


def _save(model: ModelProto, conversion: Conversion) -> None:
    onnx.save(
        model,
        conversion.target,
        save_as_external_data=conversion.is_large,
        location=f"{conversion.target.name}.data",
    )


def _has_weights_of(data_type: int) -> Callable[[ModelProto], bool]:
    def has_them(model: ModelProto) -> bool:
        inside = (attribute.t for node in model.graph.node for attribute in node.attribute)
        return any(tensor.data_type == data_type for tensor in (*model.graph.initializer, *inside))

    return has_them


def _is_quantised(model: ModelProto) -> bool:
    return any("QuantizeLinear" in node.op_type for node in model.graph.node)


_CONVERSIONS: dict[str, Callable[[Conversion], None]] = {
    "fp32": _to_float32,
    "fp16": _to_float16,
    "bf16": _to_bfloat16,
    "int8-dynamic": _to_dynamic_int8,
    "int8-static": _to_static_int8,
}

_SIGNS: dict[str, Callable[[ModelProto], bool]] = {
    "fp16": _has_weights_of(TensorProto.FLOAT16),
    "bf16": _has_weights_of(TensorProto.BFLOAT16),
    "fp8": _is_quantised,
    "int8-dynamic": _is_quantised,
    "int8-static": _is_quantised,
}
