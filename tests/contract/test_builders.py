from __future__ import annotations

from typing import Any

import pytest

from deploytune.contract.builders import (
    BUILDERS,
    backend_of,
    backends_for,
    backends_with,
    refusals,
    why_without_effect,
)
from deploytune.contract.parameters import TRIAL_PARAMETERS
from deploytune.contract.stages import Stage
from deploytune.contract.workload import ModelSource

ONNX = ModelSource(name="net", source="net.onnx")
PYTHON = ModelSource(name="net", source="python:package.module:build")


@pytest.mark.parametrize("builder", BUILDERS.values(), ids=BUILDERS)
def test_a_builder_declares_parameters_and_values_that_exist(builder: Any) -> None:
    conditions = [*builder.parameters.values(), builder.values, *builder.refuses]
    assert {builder.backend} <= set(TRIAL_PARAMETERS["backend"].values)
    assert set(builder.parameters) <= set(TRIAL_PARAMETERS)
    for condition in conditions:
        for name, values in condition.items():
            assert name in builder.parameters
            assert set(values) <= set(TRIAL_PARAMETERS[name].values)


def test_every_parameter_of_the_build_stage_has_a_builder_that_consumes_it() -> None:
    built = [one.name for one in TRIAL_PARAMETERS.values() if one.consumed_by is Stage.BUILD]
    assert ["backend"] == [name for name in built if not backends_with(name)]


def test_the_source_decides_the_backend() -> None:
    assert backend_of({}, ONNX) == "onnxruntime"
    assert backend_of({}, PYTHON) == "pytorch"
    assert backends_for(ONNX) == ("onnxruntime", "tensorrt")


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        pytest.param({"backend": "pytorch"}, ["backend"], id="another kind of model"),
        pytest.param({"precision": "fp8"}, ["precision"], id="a value that the backend lacks"),
        pytest.param({"backend": "tensorrt", "precision": "fp8"}, [], id="another backend has it"),
        pytest.param(
            {"executionProvider": "CUDA", "precision": "int8-dynamic"}, ["precision"], id="a pair"
        ),
        pytest.param({"executionProvider": "CPU", "precision": "int8-dynamic"}, [], id="no pair"),
    ],
)
def test_what_is_refused_is_told_of_one_parameter(
    parameters: dict[str, Any], expected: list[str]
) -> None:
    refused = [one.parameter for one in refusals(ONNX) if one.holds(parameters, ONNX)]
    assert expected == refused


def test_a_parameter_of_serving_has_its_effect_with_any_backend() -> None:
    assert why_without_effect("instances", {}, PYTHON) is None


def test_unless_one_backend_alone_honours_it() -> None:
    assert why_without_effect("cudaGraphs", {"backend": "tensorrt"}, ONNX) is None
    assert why_without_effect("cudaGraphs", {}, ONNX) == (
        "has an effect with backend tensorrt only, not onnxruntime"
    )
