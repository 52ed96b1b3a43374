from __future__ import annotations

import re

import pytest
from api_builders import (
    Document,
    a_cluster_document,
    a_document,
    a_parameter,
    edited,
    parsed,
    without,
)

from deploytune.api.model_sources import why_source_refused
from deploytune.api.rules import (
    check_cluster,
    check_one_machine,
    check_stock_trial,
    check_tuning,
)
from deploytune.contract.errors import InvalidTuningError
from deploytune.contract.parameters import TRIAL_PARAMETERS

PARAMETERS = "spec.searchSpace.parameters"
STATIC = a_parameter("precision", ["fp32", "int8-static"])


def plus(parameter: Document, document: Document | None = None) -> Document:
    """Return the document with one more parameter, its initial configurations left out."""
    return edited(f"{PARAMETERS}[4]", parameter, without("spec.searchSpace.initial", document))


def with_two_models(document: Document | None = None) -> Document:
    second = {"name": "cnn", "source": "cnn.onnx"}
    return edited("spec.workload.models[1]", second, document)


def refusal_by_any_trial(document: Document) -> str:
    with pytest.raises(InvalidTuningError) as caught:
        check_tuning(parsed(document))
    return str(caught.value)


def refusal_by_stock_trial(document: Document) -> str:
    tuning = parsed(document)
    check_tuning(tuning)
    with pytest.raises(InvalidTuningError) as caught:
        check_stock_trial(tuning)
    return str(caught.value)


def test_a_valid_tuning_passes_every_check() -> None:
    tuning = parsed(a_document())

    check_tuning(tuning)
    check_stock_trial(tuning)


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        pytest.param(
            edited(f"{PARAMETERS}[1].min", 5),
            f"{PARAMETERS}[1].min: must be less than or equal to max = 4, got 5.0",
            id="min above max",
        ),
        pytest.param(
            edited(f"{PARAMETERS}[3].when", {"maxBatch": [8]}),
            f"{PARAMETERS}[3].when.maxBatch: must be a parameter of the space (backend, "
            "intraOpThreads, maxBatchSize, maxQueueDelayMicroseconds), got 'maxBatch'",
            id="an unknown parameter in when",
        ),
        pytest.param(
            edited("spec.searchSpace.exclude[0]", {"threads": 4}),
            "spec.searchSpace.exclude[0].threads: must be a parameter of the space (backend, "
            "intraOpThreads, maxBatchSize, maxQueueDelayMicroseconds), got 'threads'",
            id="an unknown parameter in exclude",
        ),
        pytest.param(
            edited("spec.searchSpace.initial[0].maxBatchSize", 2),
            "spec.searchSpace.initial[0].maxBatchSize: must be one of 1, 8, 32, got 2",
            id="an impossible value in initial",
        ),
        pytest.param(
            edited(f"{PARAMETERS}[2].default", 2),
            f"{PARAMETERS}[2].default: must be one of 1, 8, 32, got 2",
            id="an impossible default",
        ),
        pytest.param(
            edited(f"{PARAMETERS}[1].name", "backend"),
            f"{PARAMETERS}[1].name: must be unique, got 'backend'",
            id="a parameter given twice",
        ),
        pytest.param(
            edited("spec.parallelTrials", 21),
            "spec.parallelTrials: must be less than or equal to budget.maxTrials = 20, got 21",
            id="more parallel trials than trials",
        ),
        pytest.param(
            edited("spec.constraints[1].max", 1),
            "spec.constraints[1]: exactly one of max and min must be set",
            id="a limit with two sides",
        ),
        pytest.param(
            edited("spec.algorithm", {"name": "Random", "settings": {"speed": 3}}),
            "spec.algorithm.settings.speed: may not be set when name is Random, got 3",
            id="a setting that the algorithm does not take",
        ),
        pytest.param(
            edited("spec.algorithm", {"name": "Grid", "preset": "Paper"}),
            "spec.algorithm.preset: may not be set when name is Grid, got 'Paper'",
            id="a preset of another algorithm",
        ),
        pytest.param(
            edited("spec.algorithm", {"name": "Optuna"}),
            "spec.algorithm.sampler: must be set when name is Optuna",
            id="Optuna without a sampler",
        ),
        pytest.param(
            edited("spec.constraints[0].load", "stedy"),
            "spec.constraints[0].load: must name one of workload.loads (full, steady), got 'stedy'",
            id="an unknown load",
        ),
        pytest.param(
            edited("spec.nodePools", [{"name": "local", "resources": {"cpu": "5000"}}]),
            "spec.nodePools[0].resources.cpus: must be less than or equal to 4096.0, got 5000.0",
            id="more CPUs than a machine has",
        ),
    ],
)
def test_any_trial_program_needs(document: Document, expected: str) -> None:
    assert refusal_by_any_trial(document) == expected


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        pytest.param(
            without("spec.constraints[0].load"),
            "spec.constraints[0].metric: must name its load profile in `load`, got "
            "'latency_p95_ms'",
            id="a latency without a load",
        ),
        pytest.param(
            edited("spec.constraints[1].load", "full"),
            "spec.constraints[1].metric: may not name a load: it does not depend on one, got "
            "'accuracy'",
            id="an accuracy with a load",
        ),
        pytest.param(
            edited("spec.constraints[0].metric", "latency_p99_ms"),
            "spec.constraints[0].metric: needs at least 459 requests a measurement, load 'steady' "
            "has 300 (3 x windowRequests), got 'latency_p99_ms'",
            id="too few requests for p99",
        ),
        pytest.param(
            without("spec.workload.evaluationData"),
            "spec.constraints[1].metric: needs workload.evaluationData, got 'accuracy'",
            id="accuracy without data",
        ),
        pytest.param(
            edited("spec.constraints[1]", {"metric": "gpu_memory_mib", "max": 8192}),
            "spec.constraints[1].metric: needs nvidia.com/gpu in "
            "nodePools[0].resources.accelerators, got 'gpu_memory_mib'",
            id="a metric of devices without devices",
        ),
        pytest.param(
            edited(
                "spec.nodePools[1].resources.accelerators",
                {"amd.com/gpu": 1},
                edited(
                    "spec.constraints[1]",
                    {"metric": "gpu_memory_mib", "max": 8192},
                    a_cluster_document(),
                ),
            ),
            "spec.constraints[1].metric: needs nvidia.com/gpu in "
            "nodePools[1].resources.accelerators, got 'gpu_memory_mib'",
            id="a metric of devices in a pool of another vendor",
        ),
        pytest.param(
            plus(a_parameter("threads", [1])),
            f"{PARAMETERS}[4].name: must be one that a stage of the trial consumes: "
            f"{', '.join(TRIAL_PARAMETERS)}, got 'threads'",
            id="a parameter that no stage consumes",
        ),
        pytest.param(
            plus({"name": "instances", "type": "Integer", "min": 0, "max": 4}),
            f"{PARAMETERS}[4].min: must be greater than or equal to 1, got 0",
            id="a range that begins too low",
        ),
        pytest.param(
            plus({"name": "instances", "type": "Float", "min": 1, "max": 4}),
            f"{PARAMETERS}[4].min: must be an integer, got 1.0",
            id="fractions of what is counted",
        ),
        pytest.param(
            plus({"name": "instances", "type": "Boolean"}),
            f"{PARAMETERS}[4].type: must be an integer, got False",
            id="a boolean for what is counted",
        ),
        pytest.param(
            plus(a_parameter("precision", ["fp32", "int4"])),
            f"{PARAMETERS}[4].values[1]: must be one of fp32, fp16, bf16, fp8, int8-dynamic, "
            "int8-static, got 'int4'",
            id="a value that the trial does not know",
        ),
        pytest.param(
            plus(STATIC),
            "spec.workload.calibrationData: must be set when precision may be int8-static",
            id="static quantisation without calibration data",
        ),
        pytest.param(
            edited("spec.workload.requestBatch", 4),
            f"{PARAMETERS}[2].values[0]: must hold a request: workload.requestBatch is 4, got 1",
            id="a batch that holds no request",
        ),
        pytest.param(
            with_two_models(),
            "spec.searchSpace.parameters: must have a Categorical parameter 'model': "
            "workload.models has several",
            id="two models and no choice",
        ),
        pytest.param(
            with_two_models(plus(a_parameter("model", ["mlp", "rnn"]))),
            f"{PARAMETERS}[4].values[1]: must be one of workload.models: mlp, cnn, got 'rnn'",
            id="a model that is not there",
        ),
        pytest.param(
            edited("spec.workload.models[0].source", "vllm:llama"),
            "spec.workload.models[0].source: LLM backends are not supported: their requests stream "
            "tokens, which are no tensor, got 'vllm:llama'",
            id="an LLM backend",
        ),
        pytest.param(
            plus(a_parameter("instances", [1, 100])),
            f"{PARAMETERS}[4].values[1]: must be less than or equal to 64, got 100",
            id="a value beyond what the trial takes",
        ),
    ],
)
def test_the_stock_trial_needs(document: Document, expected: str) -> None:
    assert refusal_by_stock_trial(document) == expected


@pytest.mark.parametrize("field", ["cpu", "memory"])
def test_a_cluster_needs_bounded_pools(field: str) -> None:
    document = without(f"spec.nodePools[1].resources.{field}", a_cluster_document())

    with pytest.raises(InvalidTuningError) as caught:
        check_cluster(parsed(document))

    assert caught.value.field == f"spec.nodePools[1].resources.{field}"
    assert caught.value.rule == "must be set in a cluster: trials must not disturb each other"


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        pytest.param(
            "spec.nodePools[1].name", "a100", "spec.nodePools[1].name", id="two pools of one name"
        ),
        pytest.param(
            "spec.trial.podTemplate.env[1].name",
            "PLAIN",
            "spec.trial.podTemplate.env[1].name",
            id="a variable given twice",
        ),
        pytest.param(
            "spec.trial.podTemplate.volumeMounts[1].mountPath",
            "/workload/models",
            "spec.trial.podTemplate.volumeMounts[1].mountPath",
            id="two mounts in one place",
        ),
    ],
)
def test_items_of_a_list_are_told_apart(path: str, value: str, expected: str) -> None:
    with pytest.raises(InvalidTuningError) as caught:
        check_tuning(parsed(edited(path, value, a_cluster_document())))

    assert (caught.value.field, caught.value.rule) == (expected, "must be unique")


def test_a_volume_may_be_mounted_in_two_places() -> None:
    mounts = a_cluster_document()["spec"]["trial"]["podTemplate"]["volumeMounts"]

    assert [mount["name"] for mount in mounts].count("models") == 2
    check_tuning(parsed(a_cluster_document()))


def test_a_trial_of_ones_own_may_consume_and_measure_anything() -> None:
    document = plus(a_parameter("speed", ["slow", "fast"]))

    check_tuning(parsed(edited("spec.objectives[0].metric", "joy", document)))


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("models/mlp.onnx", None),
        ("/abs/mlp.onnx", None),
        ("python:package.module:function", None),
        ("python:package.module", "must be python:package.module:function"),
        ("python:package..module:function", "must be python:package.module:function"),
        ("ensemble:a", "ensembles are not supported: tune their models one by one"),
        (
            "sequence:a",
            "sequence models are not supported: their requests depend on each other",
        ),
        ("decoupled:a", "decoupled models are not supported: a request must have one response"),
        ("s3://bucket/a", None),
        ("zip://a.onnx::https://host/a.zip", None),
        (
            "https://me@host/a",
            "must not hold a user or a password: give them by workload.credentials",
        ),
        (
            "S3://bucket/a",
            "must be a path to an ONNX file, a URL of one, or python:package.module:function",
        ),
        ("b:a", "must be a path to an ONNX file, a URL of one, or python:package.module:function"),
    ],
)
def test_only_files_and_functions_are_sources(source: str, expected: str | None) -> None:
    assert why_source_refused(source) == expected


@pytest.mark.parametrize("field", ["evaluationData", "calibrationData"])
def test_a_password_in_the_url_of_data_is_refused_and_not_shown(field: str) -> None:
    document = edited(f"spec.workload.{field}", "https://me:secret@host/a.npz")

    with pytest.raises(InvalidTuningError) as caught:
        check_stock_trial(parsed(document))

    assert str(caught.value).startswith(
        f"spec.workload.{field}: must not hold a user or a password"
    )
    assert "secret" not in str(caught.value).replace("secretName", "")


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        pytest.param(
            "spec.nodePools",
            [{"name": "small"}, {"name": "large"}],
            "spec.nodePools: must be one pool to be run on one machine, got 'small, large'",
            id="several pools",
        ),
        pytest.param(
            "spec.suspend",
            True,
            "spec.suspend: must be false to be run on one machine, got True",
            id="suspended",
        ),
        pytest.param(
            "spec.stop",
            True,
            "spec.stop: must be false to be run on one machine: `deploytune stop` ends a run",
            id="stopped",
        ),
    ],
)
def test_one_machine_cannot_do_what_a_cluster_can(path: str, value: object, words: str) -> None:
    check_one_machine(parsed(a_document()))
    with pytest.raises(InvalidTuningError, match=re.escape(words)):
        check_one_machine(parsed(edited(path, value)))
