"""The metrics a trial can measure: name, unit, direction, scale and transform, declared once.

`scale` is the smallest amount that matters: violations are divided by max(|limit|, scale), so that
a limit of zero stays comparable. `transform` is how a model of the metric should see it.

A latency or throughput holds under one load profile, so its key in requests, reports and history
is `metric@load`, such as `latency_p95_ms@steady`; other metrics are their own key.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType


class Direction(StrEnum):
    """Whether more or less of a metric is better."""

    MAXIMIZE = "Maximize"
    MINIMIZE = "Minimize"


class Transform(StrEnum):
    """How a statistical model of a metric should see it."""

    LOG = "Log"
    LOGIT = "Logit"
    IDENTITY = "Identity"


@dataclass(frozen=True)
class MetricDefinition:
    """One metric: its unit, which way is better, its scale, its transform, and what it needs."""

    name: str
    unit: str
    better: Direction
    scale: float
    transform: Transform
    meaning: str
    under_load: bool = False
    percentile: float | None = None
    needs_labels: bool = False
    needs_device: bool = False
    needs_function: bool = False
    may_be_negative: bool = False

    @property
    def needs_evaluation_data(self) -> bool:
        """Whether it is of the evaluation data, and of nothing without."""
        return self.needs_labels or self.needs_function


MAX_RATE = "max_rate_under_limits"
"""The metric that only a load of type MaxRate measures."""


def _latency(statistic: str, percentile: float | None, meaning: str) -> MetricDefinition:
    return MetricDefinition(
        name=f"latency_{statistic}_ms",
        unit="ms",
        better=Direction.MINIMIZE,
        scale=1.0,
        transform=Transform.LOG,
        meaning=meaning,
        under_load=True,
        percentile=percentile,
    )


def _of_device(
    name: str, unit: str, better: Direction, scale: float, meaning: str, *, under_load: bool
) -> MetricDefinition:
    """Define what only a trial with an NVIDIA device measures; shares are seen as they are."""
    transform = Transform.IDENTITY if unit == "share" else Transform.LOG
    return MetricDefinition(
        name, unit, better, scale, transform, meaning, under_load=under_load, needs_device=True
    )


def _quality(
    name: str,
    meaning: str,
    *,
    better: Direction = Direction.MAXIMIZE,
    unit: str = "share",
    transform: Transform = Transform.LOGIT,
    needs_function: bool = False,
) -> MetricDefinition:
    return MetricDefinition(
        name=name,
        unit=unit,
        better=better,
        scale=0.01,
        transform=transform,
        meaning=meaning,
        needs_labels=not needs_function,
        needs_function=needs_function,
        may_be_negative=transform is Transform.IDENTITY,  # the others' take positive numbers
    )


_DEFINITIONS = (
    _latency("mean", None, "mean latency of a request, from its intended send time"),
    _latency("p50", 50.0, "median latency of a request"),
    _latency("p90", 90.0, "90th percentile of the latency of a request"),
    _latency("p95", 95.0, "95th percentile of the latency of a request"),
    _latency("p99", 99.0, "99th percentile of the latency of a request"),
    MetricDefinition(
        "throughput",
        "inferences/s",
        Direction.MAXIMIZE,
        1.0,
        Transform.LOG,
        "inferences (requests x request batch) answered per second",
        under_load=True,
    ),
    MetricDefinition(
        MAX_RATE,
        "requests/s",
        Direction.MAXIMIZE,
        1.0,
        Transform.LOG,
        "highest rate at which the server keeps up and the limits under its load hold",
        under_load=True,
    ),
    MetricDefinition(
        "server_memory_mib",
        "MiB",
        Direction.MINIMIZE,
        16.0,
        Transform.LOG,
        "peak memory of Triton and its backends, shared pages counted once",
    ),
    _quality(
        "accuracy",
        "share of the evaluation data whose label the model gives, through Triton (top-1)",
    ),
    _quality(
        "accuracy_top5",
        "share of the evaluation data whose label is among the five highest scores",
    ),
    _quality(
        "accuracy_drop",
        "accuracy of the fp32 reference minus that of the variant, on the same samples",
        better=Direction.MINIMIZE,
        transform=Transform.IDENTITY,
    ),
    _quality("f1_macro", "F1 of each class or yes/no label, their plain mean"),
    _quality("f1_micro", "F1 of the decisions of all classes or yes/no labels together"),
    _quality(
        "mean_absolute_error",
        "mean distance of the output to the label, where labels are values",
        better=Direction.MINIMIZE,
        unit="as the label",
        transform=Transform.LOG,
    ),
    _quality(
        "evaluation_score",
        "what workload.evaluation.function says of the outputs",
        unit="as the function",
        transform=Transform.IDENTITY,
        needs_function=True,
    ),
    _quality(
        "evaluation_score_drop",
        "evaluation_score of the fp32 reference minus that of the variant, on the same samples",
        better=Direction.MINIMIZE,
        unit="as the function",
        transform=Transform.IDENTITY,
        needs_function=True,
    ),
    MetricDefinition(
        "cosine_similarity",
        "ratio",
        Direction.MAXIMIZE,
        0.001,
        Transform.IDENTITY,
        "mean over the samples of the cosine between the output and the fp32 reference's",
        may_be_negative=True,
    ),
    MetricDefinition(
        "output_drift",
        "ratio",
        Direction.MINIMIZE,
        0.01,
        Transform.LOG,
        "largest difference to the fp32 reference over the largest reference output",
    ),
    MetricDefinition(
        "build_seconds",
        "s",
        Direction.MINIMIZE,
        1.0,
        Transform.LOG,
        "time to build the variant",
    ),
    MetricDefinition(
        "artefact_mib",
        "MiB",
        Direction.MINIMIZE,
        1.0,
        Transform.LOG,
        "size of the built variant",
    ),
    MetricDefinition(
        "cpu_throttled_share",
        "share",
        Direction.MINIMIZE,
        0.01,
        Transform.IDENTITY,
        "share of the scheduling periods of the measurement in which the CPU quota was spent",
    ),
    _of_device(
        "gpu_memory_mib",
        "MiB",
        Direction.MINIMIZE,
        64.0,
        "peak memory of the trial's devices, what they held before it left out",
        under_load=False,
    ),
    _of_device(
        "gpu_utilisation",
        "share",
        Direction.MINIMIZE,
        0.01,
        "share of the time in which a kernel ran, mean of the devices",
        under_load=True,
    ),
    _of_device(
        "gpu_power_watts",
        "W",
        Direction.MINIMIZE,
        1.0,
        "mean power of all the trial's devices together",
        under_load=True,
    ),
    _of_device(
        "gpu_energy_per_inference_joules",
        "J",
        Direction.MINIMIZE,
        0.001,
        "energy of all the trial's devices over the inferences that Triton counted meanwhile",
        under_load=True,
    ),
    _of_device(
        "gpu_clock_share",
        "share",
        Direction.MAXIMIZE,
        0.01,
        "mean clock of the multiprocessors over their highest, under load, mean of the devices",
        under_load=False,
    ),
    _of_device(
        "gpu_throttled_share",
        "share",
        Direction.MINIMIZE,
        0.01,
        "share of the readings under load in which heat or power held a device's clocks down",
        under_load=False,
    ),
)

METRICS = MappingProxyType({metric.name: metric for metric in _DEFINITIONS})
"""Every metric the stock trial measures, by name."""

_LOAD_MARK = "@"


def metric_key(metric: str, load: str | None = None) -> str:
    """Return the key under which a metric stands in requests, reports and history."""
    return metric if load is None else f"{metric}{_LOAD_MARK}{load}"


def split_metric_key(key: str) -> tuple[str, str | None]:
    """Return metric and load profile of a key."""
    metric, mark, load = key.partition(_LOAD_MARK)
    return metric, load if mark else None
