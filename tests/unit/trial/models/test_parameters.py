from __future__ import annotations

from typing import Any

import pytest

from deploytune.contract.outcomes import Cause, OutcomeKind
from deploytune.contract.workload import ModelSource
from deploytune_trial.failures import TrialFailure
from deploytune_trial.parameters import check_parameters

ONNX = ModelSource(name="net", source="net.onnx")
PYTHON = ModelSource(name="net", source="python:package.module:build")


@pytest.mark.parametrize(
    ("source", "parameters", "expected"),
    [
        pytest.param(ONNX, {"batch": 3}, "batch: no stage of the trial consumes it", id="unknown"),
        pytest.param(ONNX, {"precision": "int4"}, "precision: must be one of fp32", id="value"),
        pytest.param(ONNX, {"instances": 0}, "instances: must be greater than or", id="too small"),
        pytest.param(
            ONNX,
            {"backend": "pytorch"},
            "backend: must be onnxruntime or tensorrt for model 'net', got 'pytorch'",
            id="ONNX file in torch",
        ),
        pytest.param(
            PYTHON,
            {"backend": "onnxruntime"},
            "backend: must be pytorch for model 'net', got 'onnxruntime'",
            id="module in ONNX Runtime",
        ),
        pytest.param(
            ONNX,
            {"compile": "Eager"},
            "compile: has an effect with backend pytorch only, not onnxruntime, got 'Eager'",
            id="compile without torch",
        ),
        pytest.param(
            PYTHON,
            {"graphOptimization": "All"},
            "graphOptimization: has an effect with backend onnxruntime only, not pytorch",
            id="graph level without ONNX Runtime",
        ),
        pytest.param(
            PYTHON,
            {"precision": "int8-static"},
            "precision: must not be fp8 or int8-static with backend pytorch, got 'int8-static'",
            id="static quantisation in torch",
        ),
        pytest.param(
            ONNX,
            {"precision": "fp16", "calibrationSamples": 8},
            "calibrationSamples: has an effect with precision int8-static only, not fp16, got 8",
            id="calibration without quantisation",
        ),
        pytest.param(
            ONNX,
            {"convolutionSearch": "Default"},
            "convolutionSearch: has an effect with executionProvider CUDA only, got 'Default'",
            id="an option of a provider that is not named",
        ),
        pytest.param(
            ONNX,
            {"executionProvider": "CUDA", "precision": "int8-dynamic"},
            "precision: must not be int8-dynamic with backend onnxruntime and executionProvider "
            "CUDA or TensorRT, got 'int8-dynamic'",
            id="dynamic quantisation beside the CPU",
        ),
        pytest.param(
            ONNX,
            {"backend": "tensorrt", "precision": "int8-dynamic"},
            "precision: must not be int8-dynamic with backend tensorrt, got 'int8-dynamic'",
            id="dynamic quantisation in TensorRT",
        ),
    ],
)
def test_a_parameter_at_fault_is_named(
    source: ModelSource, parameters: dict[str, Any], expected: str
) -> None:
    with pytest.raises(TrialFailure) as raised:
        check_parameters(parameters, source)
    assert raised.value.message.startswith(f"parameter {expected}")
    assert raised.value.outcome is OutcomeKind.MISCONFIGURED
    assert raised.value.cause is Cause.BAD_PARAMETER


@pytest.mark.parametrize(
    ("source", "parameters"),
    [
        pytest.param(ONNX, {}, id="nothing given"),
        pytest.param(
            ONNX, {"precision": "int8-static", "calibrationMethod": "Entropy"}, id="calibrated"
        ),
        pytest.param(PYTHON, {"compile": "Compiled", "precision": "int8-dynamic"}, id="compiled"),
        pytest.param(ONNX, {"instances": 2, "maxBatchSize": 8}, id="serving"),
        pytest.param(
            ONNX,
            {"executionProvider": "TensorRT", "engineWorkspaceMib": 512},
            id="a provider's option",
        ),
        pytest.param(ONNX, {"backend": "tensorrt", "engineTyping": "Weak"}, id="an engine"),
    ],
)
def test_parameters_that_fit_together_are_taken(
    source: ModelSource, parameters: dict[str, Any]
) -> None:
    check_parameters(parameters, source)
