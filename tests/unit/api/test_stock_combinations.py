from __future__ import annotations

from typing import Any

import pytest
from api_builders import Document, a_document, a_parameter, edited, parsed

from deploytune.api.rules import check_stock_trial
from deploytune.api.stock_combinations import check_combinations, excluded_counts, without_refused
from deploytune.api.translate import problem_of
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
            "[0]: must be onnxruntime or tensorrt for model 'mlp': keep it inactive by `when`, or "
            "exclude this, got {'backend': 'pytorch'}",
            id="an ONNX file in PyTorch",
        ),
        pytest.param(
            a_space(PRECISION, models=[TORCH]),
            "[0]: must not be fp8 or int8-static with backend pytorch: keep it inactive by "
            "`when`, or exclude this, got {'precision': 'int8-static'}",
            id="static quantisation of a torch module",
        ),
        pytest.param(
            a_space(PRECISION, METHOD),
            "[1]: has an effect with precision int8-static only, not fp32: keep it inactive by "
            "`when`, or exclude this, got {'precision': 'fp32', 'calibrationMethod': 'MinMax'}",
            id="a calibration of fp32",
        ),
        pytest.param(
            a_space(METHOD),
            "[0]: has an effect with precision int8-static only, not fp32: keep it inactive by "
            "`when`, or exclude this, got {'calibrationMethod': 'MinMax'}",
            id="a calibration without a precision",
        ),
        pytest.param(
            a_space(MODELS, GRAPH, models=[ONNX, TORCH]),
            "[1]: has an effect with backend onnxruntime only, not pytorch: keep it inactive "
            "by `when`, or exclude this, got {'model': 'net', 'graphOptimization': 'Basic'}",
            id="a graph optimisation of a torch module",
        ),
        pytest.param(
            a_space(
                PRECISION,
                a_parameter("instances", [1, 2]),
                METHOD,
                exclude=[{"precision": "fp32", "calibrationMethod": "MinMax", "instances": 1}],
            ),
            "[2]: has an effect with precision int8-static only, not fp32: keep it inactive by "
            "`when`, or exclude this, got {'precision': 'fp32', 'calibrationMethod': 'MinMax'}",
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


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        pytest.param(
            a_space(MODELS, BOTH_BACKENDS, models=[ONNX, TORCH]),
            MISMATCHES,
            id="each model in a backend of another kind",
        ),
        pytest.param(
            a_space(
                a_parameter("backend", ["onnxruntime", "tensorrt"]),
                a_parameter("precision", ["fp32", "int8-dynamic", "fp8"]),
            ),
            [
                {"backend": "onnxruntime", "precision": "fp8"},
                {"backend": "tensorrt", "precision": "int8-dynamic"},
            ],
            id="a precision that only one backend knows, without the model",
        ),
        pytest.param(
            a_space(
                a_parameter("executionProvider", ["CPU", "CUDA"]),
                a_parameter("precision", ["fp32", "int8-dynamic"]),
            ),
            [{"executionProvider": "CUDA", "precision": "int8-dynamic"}],
            id="a pair of one backend, which the space does not choose",
        ),
        pytest.param(
            a_space(MODELS, PRECISION, models=[ONNX, TORCH]),
            [{"model": "net", "precision": "int8-static"}],
            id="a precision that one model's backend lacks",
        ),
        pytest.param(a_space(PRECISION), [], id="nothing"),
    ],
)
def test_what_builders_refuse_is_excluded(
    document: Document, expected: list[dict[str, Any]]
) -> None:
    tuning = parsed(document)
    check_combinations(tuning.spec)
    assert expected == list(without_refused(tuning).spec.search_space.exclude)


def a_pool(name: str, accelerators: dict[str, int]) -> Document:
    return {"name": name, "resources": {"cpu": "2", "memory": "1Gi", "accelerators": accelerators}}


ON_A_DEVICE = a_space(
    a_parameter("backend", ["onnxruntime", "tensorrt"]),
    when(a_parameter("executionProvider", ["CPU", "CUDA"]), backend=["onnxruntime"]),
)


def test_what_needs_a_device_is_excluded_from_pools_without_one() -> None:
    pools = [a_pool("cpu", {}), a_pool("gpu", {"nvidia.com/gpu": 1})]
    tuning = parsed(edited("spec.nodePools", pools, ON_A_DEVICE))
    check_combinations(tuning.spec)
    assert list(without_refused(tuning).spec.search_space.exclude) == [
        {"pool": "cpu", "backend": "onnxruntime", "executionProvider": "CUDA"},
        {"pool": "cpu", "backend": "tensorrt"},
    ]


def test_where_no_pool_has_a_device_the_trial_says_so() -> None:
    pools = [a_pool("here", {}), a_pool("there", {})]
    tuning = parsed(edited("spec.nodePools", pools, ON_A_DEVICE))
    assert without_refused(tuning) == tuning


def test_no_configuration_is_left_that_the_trial_would_refuse() -> None:
    document = a_space(
        a_parameter("backend", ["onnxruntime", "tensorrt"]),
        a_parameter("precision", ["fp32", "int8-dynamic", "fp8"]),
    )
    space = problem_of(without_refused(parsed(document)).spec).space
    assert space.size == 4


def test_exclusions_of_the_user_stay() -> None:
    own = {"model": "mlp", "backend": "onnxruntime"}
    document = a_space(
        MODELS, BOTH_BACKENDS, exclude=[own], models=[ONNX, ONNX | {"name": "b"}, TORCH]
    )
    assert own == without_refused(parsed(document)).spec.search_space.exclude[0]


DEVICE_POOLS = [a_pool("cpu", {}), a_pool("gpu", {"nvidia.com/gpu": 1})]


NEEDS_A_DEVICE = "must have a pool with a device, by its backend or its execution provider"


def a_space_of_two_backends() -> Document:
    """Of 24 configurations in two pools, fp16 with 3 instances is excluded."""
    return edited(
        "spec.searchSpace",
        {
            "parameters": [
                a_parameter("backend", ["onnxruntime", "tensorrt"]),
                a_parameter("precision", ["fp32", "fp8", "int8-dynamic", "fp16"]),
                a_parameter("instances", [1, 2, 3]),
            ],
            "exclude": [{"precision": "fp16", "instances": 3}],
        },
        edited("spec.nodePools", [a_pool("gpus", {"nvidia.com/gpu": 1}), a_pool("cpus", {})]),
    )


def test_what_excludes_how_many_is_counted_by_its_reason() -> None:
    assert [
        ("by searchSpace.exclude", 4),
        ("by the builders: precision must not be fp8 with backend onnxruntime", 6),
        ("by the builders: precision must not be int8-dynamic with backend tensorrt", 6),
        (f"by the builders: {NEEDS_A_DEVICE}", 8),
    ] == list(excluded_counts(parsed(a_space_of_two_backends()).spec, by_builders=True))


def test_of_a_foreign_trial_what_the_user_wrote_is_counted_alone() -> None:
    spec = parsed(a_space_of_two_backends()).spec
    assert [("by searchSpace.exclude", 4)] == list(excluded_counts(spec, by_builders=False))


def test_what_is_excluded_from_a_continuum_is_not_counted() -> None:
    continuum = {"name": "share", "type": "Float", "min": 0, "max": 1}
    document = edited("spec.searchSpace.parameters[4]", continuum)
    assert [] == list(excluded_counts(parsed(document).spec, by_builders=False))


def with_initial(document: Document, *initial: Document) -> Document:
    return edited("spec.searchSpace.initial", list(initial), document)


def test_an_initial_configuration_without_a_pool_gets_the_first_that_takes_it() -> None:
    document = with_initial(ON_A_DEVICE, {"backend": "tensorrt"})
    tuning = parsed(edited("spec.nodePools", DEVICE_POOLS, document))
    check_combinations(tuning.spec)
    problem = problem_of(without_refused(tuning).spec)
    assert list(problem.initial) == [{"pool": "gpu", "backend": "tensorrt"}]


def test_defaults_get_the_first_pool_that_takes_them() -> None:
    document = a_space(
        a_parameter("backend", ["onnxruntime", "tensorrt"], default="tensorrt"),
    )
    tuning = parsed(edited("spec.nodePools", DEVICE_POOLS, document))
    space = problem_of(without_refused(tuning).spec).space
    assert space.defaults() == {"pool": "gpu", "backend": "tensorrt"}


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        pytest.param(
            edited(
                "spec.nodePools",
                DEVICE_POOLS,
                with_initial(ON_A_DEVICE, {"pool": "cpu", "backend": "tensorrt"}),
            ),
            "searchSpace.initial[0]: must have a pool with a device, by its backend or its "
            "execution provider, got {'backend': 'tensorrt', 'pool': 'cpu'}",
            id="a pool without a device",
        ),
        pytest.param(
            with_initial(
                a_space(
                    a_parameter("executionProvider", ["CPU", "CUDA"]),
                    a_parameter("precision", ["fp32", "int8-dynamic"]),
                ),
                {"executionProvider": "CUDA", "precision": "int8-dynamic"},
            ),
            "searchSpace.initial[0]: precision must not be int8-dynamic with backend onnxruntime "
            "and executionProvider CUDA or TensorRT, got "
            "{'executionProvider': 'CUDA', 'precision': 'int8-dynamic'}",
            id="a pair of one backend",
        ),
        pytest.param(
            a_space(
                a_parameter("executionProvider", ["CUDA"]),
                a_parameter("precision", ["int8-dynamic"]),
            ),
            "searchSpace.parameters: must leave at least one configuration of those that the "
            "builders take",
            id="nothing is left",
        ),
    ],
)
def test_what_contradicts_the_builders_is_refused_at_once(
    document: Document, expected: str
) -> None:
    with pytest.raises(InvalidTuningError) as caught:
        check_stock_trial(parsed(document))
    assert str(caught.value).removeprefix("spec.") == expected
