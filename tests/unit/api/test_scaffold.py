from __future__ import annotations

import re

import pytest
import yaml
from api_builders import Document

from deploytune.api.model_descriptions import ModelDescription, TensorDescription
from deploytune.api.reading import parse_tuning
from deploytune.api.rules import check_stock_trial, check_tuning
from deploytune.api.scaffold import Surroundings, scaffold_tuning, suggested_name
from deploytune.api.tuning import DeploymentTuning
from deploytune.contract.errors import InvalidTuningError
from deploytune.contract.metrics import METRICS, Direction
from deploytune.contract.workload import LoadType

IMAGE = TensorDescription("image", "float32", (3, 224, 224))
SCORES = TensorDescription("scores", "float32", (1000,))
TOKENS = TensorDescription("tokens: 'x'", "int64", (None,))
MASK = TensorDescription("mask", "bool", (None, 2))
BARE = Surroundings()

RESNET = ModelDescription("models/resnet.onnx", (IMAGE,), (SCORES,))
BERT = ModelDescription('odd "name"\n.onnx', (TOKENS, MASK), (SCORES,))
FIXED = ModelDescription("fixed.onnx", (IMAGE,), (SCORES,), fixed_batch=4)
NO_INPUTS = ModelDescription("constant.onnx", (), (SCORES,))

THROUGHPUT = ("throughput", Direction.MAXIMIZE)
WITH_DATA = Surroundings(8, "data/evaluation.npz", "data/calibration.npz")


def scaffolded(
    model: ModelDescription = RESNET,
    limits: dict[str, float] | None = None,
    objective: tuple[str, Direction] = THROUGHPUT,
    rate: float | None = None,
    surroundings: Surroundings = BARE,
) -> DeploymentTuning:
    text = scaffold_tuning(model, limits or {}, objective, rate, "resnet", surroundings)
    tuning = parse_tuning(text, "scaffold")
    check_tuning(tuning)
    check_stock_trial(tuning)
    return tuning


def parameters_of(tuning: DeploymentTuning) -> dict[str, Document]:
    return {
        parameter.name: parameter.model_dump(by_alias=True)
        for parameter in tuning.spec.search_space.parameters
    }


@pytest.mark.parametrize("surroundings", [Surroundings(1), WITH_DATA], ids=["bare", "with data"])
@pytest.mark.parametrize("rate", [None, 60.0, 0.5], ids=["no rate", "60 a second", "1 in 2 s"])
@pytest.mark.parametrize("limits", [{}, {"latency_p99_ms": 20.0, "server_memory_mib": 512.0}])
@pytest.mark.parametrize("model", [RESNET, BERT, FIXED, NO_INPUTS], ids=lambda model: model.source)
def test_it_keeps_every_rule(
    model: ModelDescription,
    limits: dict[str, float],
    rate: float | None,
    surroundings: Surroundings,
) -> None:
    tuning = scaffolded(model, limits, THROUGHPUT, rate, surroundings)

    assert tuning.spec.workload.models[0].source == model.source
    assert tuning.spec.constraints == () or limits


WITHOUT_FUNCTION = [name for name, metric in METRICS.items() if not metric.needs_function]


@pytest.mark.parametrize("metric", WITHOUT_FUNCTION)
def test_every_metric_may_be_limited_and_optimised(metric: str) -> None:
    tuning = scaffolded(
        limits={metric: 0.5}, objective=(metric, METRICS[metric].better), surroundings=WITH_DATA
    )

    limit = tuning.spec.constraints[0]
    upper = METRICS[metric].better is Direction.MINIMIZE
    assert ((limit.max, limit.min) if upper else (limit.min, limit.max)) == (0.5, None)
    devices = tuning.spec.node_pools[0].resources.devices
    assert int(METRICS[metric].needs_device) == devices


def test_the_defaults_make_a_baseline() -> None:
    for tuning in (scaffolded(), scaffolded(surroundings=WITH_DATA), scaffolded(FIXED)):
        from deploytune.api.translate import problem_of

        assert problem_of(tuning.spec).space.defaults() is not None


def test_with_a_rate_latency_is_measured_open_loop_and_throughput_at_full_load() -> None:
    tuning = scaffolded(limits={"latency_p95_ms": 20.0}, rate=60.0)

    loads = {load.name: load for load in tuning.spec.workload.loads}
    latency = loads[tuning.spec.constraints[0].load or ""]
    throughput = loads[tuning.spec.objectives[0].load or ""]
    assert (latency.type, latency.rate_per_second) == (LoadType.POISSON, 60)
    assert throughput.type is LoadType.CLOSED_LOOP


def test_without_a_rate_requests_come_one_by_one_and_it_says_so() -> None:
    limits = {"latency_p95_ms": 20.0}

    text = scaffold_tuning(RESNET, limits, THROUGHPUT, None, "resnet")

    (load,) = parse_tuning(text, "scaffold").spec.workload.loads
    assert (load.type, load.concurrency) == (LoadType.CLOSED_LOOP, 1)
    assert "# Nobody has said at which rate requests come" in text


def test_static_quantisation_needs_calibration_data() -> None:
    without, with_data = scaffolded(), scaffolded(surroundings=WITH_DATA)

    assert "int8-static" not in parameters_of(without)["precision"]["values"]
    assert "int8-static" in parameters_of(with_data)["precision"]["values"]
    assert parameters_of(with_data)["calibrationSamples"]["when"] == {"precision": ("int8-static",)}


def test_every_method_of_calibration_is_offered() -> None:
    method = parameters_of(scaffolded(surroundings=WITH_DATA))["calibrationMethod"]

    assert method["values"] == ("MinMax", "Entropy", "Percentile")


def test_threads_range_over_the_cores() -> None:
    threads = parameters_of(scaffolded(surroundings=WITH_DATA))["intraOpThreads"]

    assert (threads["min"], threads["max"], threads["default"]) == (1, 8, 8)


def test_a_model_that_fixes_its_batch_is_not_batched() -> None:
    tuning = scaffolded(FIXED)

    assert tuning.spec.workload.request_batch == 4
    assert {"maxBatchSize", "maxQueueDelayMicroseconds"} & set(parameters_of(tuning)) == set()


def test_open_axes_get_a_length_that_is_said_to_be_a_guess() -> None:
    text = scaffold_tuning(BERT, {}, THROUGHPUT, None, "bert")

    spec = yaml.safe_load(text)["spec"]
    assert spec["workload"]["inputs"][0] == {"name": "tokens: 'x'", "shape": [128]}
    assert "128 is a guess" in text


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        ("latency", "metric: must be one of latency_mean_ms, "),
        ("accuracy", "metric: needs evaluation data with labels, got 'accuracy'"),
    ],
)
def test_a_metric_that_cannot_be_measured_is_refused(metric: str, expected: str) -> None:
    with pytest.raises(InvalidTuningError, match=f"^{expected}"):
        scaffold_tuning(RESNET, {metric: 1.0}, THROUGHPUT, None, "resnet")


@pytest.mark.parametrize(
    ("limit", "rate", "name", "expected"),
    [
        (20.0, 60.0, "Big", "metadata.name: must consist of lower-case letters, digits and '-'"),
        (float("nan"), 60.0, "a", "spec.constraints[0].max: must be a number, got 'nan'"),
        (20.0, 0.0, "a", "spec.workload.loads[0].ratePerSecond: must be greater than 0"),
    ],
)
def test_what_no_tuning_may_have_is_refused(
    limit: float, rate: float, name: str, expected: str
) -> None:
    with pytest.raises(InvalidTuningError, match=f"^{re.escape(expected)}"):
        scaffold_tuning(RESNET, {"latency_p95_ms": limit}, THROUGHPUT, rate, name)


@pytest.mark.parametrize(
    ("stem", "expected"),
    [
        ("wide_cnn_tta", "wide-cnn-tta"),
        ("ResNet50.v2", "resnet50-v2"),
        ("__", "tuning"),
        ("x" * 49 + "_y", "x" * 49),
    ],
)
def test_a_file_name_becomes_a_dns_label(stem: str, expected: str) -> None:
    assert suggested_name(stem) == expected
