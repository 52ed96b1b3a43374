"""A first tuning for a model: commented YAML that runs as it is and is meant to be edited.

It guesses as little as possible, and says where it does: without a rate nobody has told the load,
so requests come one by one; an axis that the model leaves open gets a length.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

from deploytune.api.model_descriptions import ModelDescription
from deploytune.api.reading import parse_tuning
from deploytune.api.rules import check_stock_trial
from deploytune.api.tuning import API_VERSION
from deploytune.contract.errors import InvalidTuningError
from deploytune.contract.metrics import MAX_RATE, METRICS, Direction, MetricDefinition
from deploytune.contract.parameters import TRIAL_PARAMETERS
from deploytune.contract.workload import COUNTED_WINDOWS, fewest_samples

_STEADY, _FULL, _SINGLE = "steady", "full", "single"
_RISING = "rising"
_HIGHEST_RATE = 1000
_FULL_CONCURRENCY = 16
_GUESSED_LENGTH = 128
_LARGEST_BATCHES = (1, 4, 8, 16, 32)
_FEWEST_WINDOW_REQUESTS = 100
_LONGEST_NAME = 50
_PRECISIONS = ("fp32", "fp16", "bf16", "int8-dynamic")


@dataclass(frozen=True)
class Surroundings:
    """What else is known: the machine's CPUs, and data if there is any."""

    cpus: int = 2
    evaluation_data: str | None = None
    calibration_data: str | None = None


def scaffold_tuning(
    model: ModelDescription,
    limits: Mapping[str, float],
    objective: tuple[str, Direction],
    rate: float | None,
    name: str,
    surroundings: Surroundings = Surroundings(),
) -> str:
    """Return a tuning as YAML.

    Args:
        model: what the model takes and gives.
        limits: bound by metric; the metric knows on which side of it is good.
        objective: the metric to optimise, and which way.
        rate: requests per second, or None if nobody knows.
        name: name of the tuning.
        surroundings: what else is known.

    Raises:
        InvalidTuningError: a metric that does not exist or needs data that is not given; a name,
            bound or rate that no tuning may have.
    """
    metrics = [_metric(metric, surroundings) for metric in (objective[0], *limits)]
    sections = (
        _head(name, model),
        _objective(objective, rate),
        _constraints(limits, rate),
        _search_space(model, surroundings),
        _pools(surroundings, metrics),
        _budget(),
        _workload(model, surroundings),
        _loads(metrics, rate),
    )
    text = "\n".join(chain.from_iterable(sections)) + "\n"
    check_stock_trial(parse_tuning(text, name))
    return text


def suggested_name(file_stem: str) -> str:
    """Return a tuning's name made from a file's: a DNS label of at most 50 characters."""
    words = re.sub(r"[^a-z0-9]+", "-", file_stem.lower())
    return words[:_LONGEST_NAME].strip("-") or "tuning"


def _metric(name: str, surroundings: Surroundings) -> MetricDefinition:
    metric = METRICS.get(name)
    if metric is None:
        raise InvalidTuningError("metric", f"must be one of {', '.join(METRICS)}", name)
    if metric.needs_function:
        rule = "needs workload.evaluation.function, which a first tuning does not have"
        raise InvalidTuningError("metric", rule, name)
    if metric.needs_labels and surroundings.evaluation_data is None:
        raise InvalidTuningError("metric", "needs evaluation data with labels", name)
    return metric


def _load_of(metric: str, rate: float | None) -> str | None:
    """Return the load profile that a metric is measured under."""
    if not METRICS[metric].under_load:
        return None
    if metric == MAX_RATE:
        return _RISING
    if rate is None:
        return _SINGLE
    # At a given rate the throughput is that rate: what could be answered shows only at full load.
    return _FULL if metric == "throughput" else _STEADY


def _reference(metric: str, rate: float | None) -> str:
    load = _load_of(metric, rate)
    return f"metric: {metric}" + ("" if load is None else f", load: {load}")


def _head(name: str, model: ModelDescription) -> Iterator[str]:
    yield f"# A first tuning of {_one_line(model.source)}: runs as it is, meant to be edited."
    yield "# Its model:"
    for kind, tensors in (("input", model.inputs), ("output", model.outputs)):
        for tensor in tensors:
            axes = ["batch", *("open" if axis is None else str(axis) for axis in tensor.shape)]
            yield f"#   {kind} {_one_line(tensor.name)}: {tensor.dtype} [{', '.join(axes)}]"
    yield f"apiVersion: {API_VERSION}"
    yield "kind: DeploymentTuning"
    yield "metadata:"
    yield f"  name: {name}"
    yield "spec:"


def _objective(objective: tuple[str, Direction], rate: float | None) -> Iterator[str]:
    metric, direction = objective
    yield "  objectives:"
    yield f"    - {{{_reference(metric, rate)}, direction: {direction}}}  # {METRICS[metric].unit}"


def _constraints(limits: Mapping[str, float], rate: float | None) -> Iterator[str]:
    if not limits:
        return
    yield "  constraints:  # hard: a configuration that misses one is no answer"
    for metric, bound in limits.items():
        side = "max" if METRICS[metric].better is Direction.MINIMIZE else "min"
        limit = f"{_reference(metric, rate)}, {side}: {_number(bound)}"
        yield f"    - {{{limit}}}  # {METRICS[metric].unit}"


def _search_space(model: ModelDescription, surroundings: Surroundings) -> Iterator[str]:
    yield "  searchSpace:  # the defaults are measured first, as the baseline"
    yield "    parameters:"
    yield from _choice("backend", ["onnxruntime"], "onnxruntime")
    if surroundings.calibration_data is None:
        yield "      # int8-static may be added once workload.calibrationData is given."
        yield from _choice("precision", _PRECISIONS, "fp32")
    else:
        yield from _choice("precision", [*_PRECISIONS, "int8-static"], "fp32")
        static = "precision: [int8-static]"
        methods = tuple(map(str, TRIAL_PARAMETERS["calibrationMethod"].values))
        yield from _choice("calibrationMethod", methods, "MinMax", static)
        yield from _choice("calibrationSamples", [32, 128], 32, static)
    yield "      - name: intraOpThreads"
    yield "        type: Integer"
    yield "        min: 1"
    yield f"        max: {surroundings.cpus}"
    yield f"        default: {surroundings.cpus}"
    yield from _choice("instances", [1, 2, 4], 1)
    if model.fixed_batch is None:
        yield from _choice("maxBatchSize", _LARGEST_BATCHES, 1)
        batching = f"maxBatchSize: {_flow(_LARGEST_BATCHES[1:])}"
        yield from _choice("maxQueueDelayMicroseconds", [0, 500, 2000], 0, batching)


def _choice(
    name: str, values: Sequence[str | int], default: str | int, when: str | None = None
) -> Iterator[str]:
    yield f"      - name: {name}"
    yield "        type: Categorical"
    yield f"        values: {_flow(values)}"
    if when is not None:
        yield f"        when: {{{when}}}"
    yield f"        default: {default}"


def _pools(surroundings: Surroundings, metrics: Iterable[MetricDefinition]) -> Iterator[str]:
    yield "  nodePools:"
    yield "    - name: local"
    yield "      resources:  # of one trial with its Triton; beyond this memory it is killed"
    yield f'        cpu: "{surroundings.cpus}"'
    yield "        memory: 4Gi"
    if any(metric.needs_device for metric in metrics):
        yield "        accelerators: {nvidia.com/gpu: 1}"


def _budget() -> Iterator[str]:
    yield "  budget:"
    yield "    maxTrials: 30"
    yield "    confirmations: 3  # fresh re-measurements of the winner: its figures come from these"
    yield "  algorithm: {name: TBA, seed: 0}"


def _workload(model: ModelDescription, surroundings: Surroundings) -> Iterator[str]:
    yield "  workload:"
    yield "    models:"
    yield f"      - {{name: model, source: {json.dumps(model.source)}}}"
    for field, path in (
        ("evaluationData", surroundings.evaluation_data),
        ("calibrationData", surroundings.calibration_data),
    ):
        if path is not None:
            yield f"    {field}: {json.dumps(path)}"
    open_inputs = [tensor for tensor in model.inputs if tensor.has_open_axes]
    if open_inputs:
        yield f"    inputs:  # the model leaves axes open; {_GUESSED_LENGTH} is a guess"
        for tensor in open_inputs:
            shape = [_GUESSED_LENGTH if axis is None else axis for axis in tensor.shape]
            yield f"      - {{name: {json.dumps(tensor.name)}, shape: {shape}}}"
    yield f"    requestBatch: {model.fixed_batch or 1}  # samples in one request"


def _loads(metrics: Sequence[MetricDefinition], rate: float | None) -> Iterator[str]:
    used = {_load_of(metric.name, rate) for metric in metrics} - {None}
    if not used:
        return
    yield "    loads:"
    if _SINGLE in used:
        yield "      # Nobody has said at which rate requests come, so they come one by one, each"
        yield "      # after the answer to the last. With a rate: type Poisson and ratePerSecond."
        yield from _load(_SINGLE, ["type: ClosedLoop", "concurrency: 1"], metrics)
    if rate is not None and _STEADY in used:
        yield from _load(_STEADY, ["type: Poisson", f"ratePerSecond: {_number(rate)}"], metrics)
    if _FULL in used:
        yield "      # Throughput shows at full load: so many requests are always outstanding."
        yield from _load(_FULL, ["type: ClosedLoop", f"concurrency: {_FULL_CONCURRENCY}"], metrics)
    if _RISING in used:
        yield "      # The rate is searched, up to this one; limits that name this load must hold."
        yield from _load(_RISING, ["type: MaxRate", f"ratePerSecond: {_HIGHEST_RATE}"], metrics)


def _load(name: str, lines: Sequence[str], metrics: Sequence[MetricDefinition]) -> Iterator[str]:
    yield f"      - name: {name}"
    yield from (f"        {line}" for line in lines)
    yield f"        windowRequests: {_window_requests(metrics)}"


def _window_requests(metrics: Sequence[MetricDefinition]) -> int:
    """Return requests enough for twice the samples that the highest percentile needs."""
    percentiles = [metric.percentile for metric in metrics if metric.percentile is not None]
    needed = 2 * fewest_samples(max(percentiles)) / COUNTED_WINDOWS if percentiles else 0
    return max(_FEWEST_WINDOW_REQUESTS, 50 * math.ceil(needed / 50))


def _flow(values: Sequence[str | int]) -> str:
    return "[" + ", ".join(map(str, values)) + "]"


def _number(value: float) -> str:
    return str(int(value)) if float(value).is_integer() else repr(value)


def _one_line(text: str) -> str:
    return " ".join(text.split())
