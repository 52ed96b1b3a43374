from __future__ import annotations

from typing import Any

import pytest
from api_builders import Document, a_document, a_parameter, edited, parsed

from deploytune.api.stock_combinations import check_combinations
from deploytune.contract.errors import InvalidTuningError

ONNX = {"name": "mlp", "source": "mlp.onnx"}
TORCH = {"name": "net", "source": "python:package:build"}
BOTH_BACKENDS = a_parameter("backend", ["onnxruntime", "pytorch"])
ONNX_BACKEND = a_parameter("backend", ["onnxruntime"])
MODELS = a_parameter("model", ["mlp", "net"])
PRECISION = a_parameter("precision", ["fp32", "int8-static"])
GRAPH = a_parameter("graphOptimization", ["Basic", "All"])
METHOD = a_parameter("calibrationMethod", ["MinMax"])
MISMATCHES = [{"model": "mlp", "backend": "pytorch"}, {"model": "net", "backend": "onnxruntime"}]


def when(parameter: Document, **values: list[Any]) -> Document:
    return {**parameter, "when": values}


def a_space(
    *parameters: Document,
    exclude: list[Document] | None = None,
    models: list[Document] | None = None,
) -> Document:
    space = {"parameters": list(parameters), "exclude": exclude or []}
    document = edited("spec.searchSpace", space)
    return edited("spec.workload.models", models or [ONNX], document)


def refusal_of(document: Document) -> str:
    with pytest.raises(InvalidTuningError) as caught:
        check_combinations(parsed(document).spec)
    return str(caught.value).removeprefix("searchSpace.parameters")


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        pytest.param(
            a_space(BOTH_BACKENDS),
            "[0]: must be onnxruntime for model 'mlp': keep it inactive by `when`, or exclude this"
            ", got {'backend': 'pytorch'}",
            id="an ONNX file in PyTorch",
        ),
        pytest.param(
            a_space(MODELS, BOTH_BACKENDS, models=[ONNX, TORCH]),
            "[1]: must be onnxruntime for model 'mlp': keep it inactive by `when`, or exclude this"
            ", got {'model': 'mlp', 'backend': 'pytorch'}",
            id="each model in each backend",
        ),
        pytest.param(
            a_space(PRECISION, models=[TORCH]),
            "[0]: must not be int8-static with backend pytorch: keep it inactive by `when`, or "
            "exclude this, got {'precision': 'int8-static'}",
            id="static quantisation of a torch module",
        ),
        pytest.param(
            a_space(PRECISION, METHOD),
            "[1]: has an effect with precision int8-static only: keep it inactive by `when`, or "
            "exclude this, got {'precision': 'fp32', 'calibrationMethod': 'MinMax'}",
            id="a calibration of fp32",
        ),
        pytest.param(
            a_space(METHOD),
            "[0]: has an effect with precision int8-static only: keep it inactive by `when`, or "
            "exclude this, got {'calibrationMethod': 'MinMax'}",
            id="a calibration without a precision",
        ),
        pytest.param(
            a_space(MODELS, GRAPH, models=[ONNX, TORCH]),
            "[1]: has an effect with backend onnxruntime only: keep it inactive by `when`, or "
            "exclude this, got {'model': 'net', 'graphOptimization': 'Basic'}",
            id="a graph optimisation of a torch module",
        ),
        pytest.param(
            a_space(MODELS, BOTH_BACKENDS, GRAPH, exclude=MISMATCHES[:1], models=[ONNX, TORCH]),
            "[1]: must be pytorch for model 'net': keep it inactive by `when`, or exclude this, "
            "got {'model': 'net', 'backend': 'onnxruntime'}",
            id="an exclusion that forgets one",
        ),
        pytest.param(
            a_space(
                PRECISION,
                a_parameter("instances", [1, 2]),
                METHOD,
                exclude=[{"precision": "fp32", "calibrationMethod": "MinMax", "instances": 1}],
            ),
            "[2]: has an effect with precision int8-static only: keep it inactive by `when`, or "
            "exclude this, got {'precision': 'fp32', 'calibrationMethod': 'MinMax'}",
            id="an exclusion that leaves a part",
        ),
    ],
)
def test_what_the_trial_would_refuse_is_refused_before(document: Document, expected: str) -> None:
    assert refusal_of(document) == expected


@pytest.mark.parametrize(
    "document",
    [
        pytest.param(a_document(), id="the stock document"),
        pytest.param(a_space(ONNX_BACKEND, GRAPH), id="one backend"),
        pytest.param(a_space(GRAPH), id="the backend that the model needs"),
        pytest.param(
            a_space(PRECISION, when(METHOD, precision=["int8-static"])), id="kept inactive by when"
        ),
        pytest.param(
            a_space(PRECISION, METHOD, exclude=[{"precision": "fp32"}]), id="kept out by exclude"
        ),
        pytest.param(
            a_space(
                MODELS,
                BOTH_BACKENDS,
                when(GRAPH, backend=["onnxruntime"]),
                when(a_parameter("compile", ["Eager"]), model=["net"]),
                exclude=MISMATCHES,
                models=[ONNX, TORCH],
            ),
            id="two models, each in its backend",
        ),
        pytest.param(
            a_space(
                PRECISION,
                {
                    "name": "calibrationSamples",
                    "type": "Integer",
                    "min": 1,
                    "max": 1_000_000,
                    "when": {"precision": ["int8-static"]},
                },
            ),
            id="a range that is too long to walk",
        ),
    ],
)
def test_what_the_trial_takes_passes(document: Document) -> None:
    check_combinations(parsed(document).spec)
