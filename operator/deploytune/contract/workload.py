"""The workload of a trial: models, data, load. The same words in a tuning and in a request.

Evaluation data is an .npz with one array per model input, under the input's name, first axis the
samples, and the labels under `label`. Calibration data has the inputs only, of other samples.
What the labels are follows from their shape and type (operator/docs/accuracy.md).
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, model_validator

from deploytune.contract.metrics import MAX_RATE, METRICS, MetricDefinition
from deploytune.contract.models import ContractModel, Name, ObjectName
from deploytune.contract.sources import PYTHON

MODEL_PARAMETER = "model"
"""The search parameter that picks one of several models."""

_CERTAIN = 0.01  # one minus the confidence of the bound on a percentile, FACTS of MLPerf's h(0)


class LoadType(StrEnum):
    """How requests are sent."""

    CLOSED_LOOP = "ClosedLoop"
    POISSON = "Poisson"
    MAX_RATE = "MaxRate"


Path = Annotated[str, Field(min_length=1, max_length=1024)]


class ModelSource(ContractModel):
    """A model: an ONNX file, or a Python function that returns a torch module."""

    name: Name = Field(description="what the parameter `model` calls it")
    source: Path = Field(
        description="a path to an ONNX file, a URL of one, or python:package.module:function"
    )

    @property
    def is_python(self) -> bool:
        """Whether the source is a Python function."""
        return self.source.startswith(PYTHON)


class SourceCredentials(ContractModel):
    """What opens sources that are URLs: a Secret whose keys become variables of the trial.

    On one machine the trial has the variables of whoever starts it.
    """

    secret_name: ObjectName = Field(
        description="name of a Secret whose keys are variables, such as AWS_ACCESS_KEY_ID"
    )


class InputShape(ContractModel):
    """The shape of one input without the batch axis; needed where the model leaves axes open."""

    name: str = Field(min_length=1, max_length=256, description="name of the model's input")
    shape: tuple[Annotated[int, Field(ge=1, le=2**31 - 1)], ...] = Field(
        max_length=8, description="its axes, the batch axis left out"
    )


FunctionSource = Annotated[
    str,
    Field(
        min_length=1,
        max_length=1024,
        pattern=r"^python:[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*$",
    ),
]


class Evaluation(ContractModel):
    """How outputs are held against the labels of the evaluation data."""

    output: str | None = Field(
        default=None,
        min_length=1,
        max_length=256,
        description="name of the output that labels are about; the first one if absent",
    )
    threshold: float | None = Field(
        default=None,
        ge=-1e15,
        le=1e15,
        description="score from which a yes/no output says yes, needed where labels are yes or no: "
        "0.5 of probabilities, 0 of logits",
    )
    function: FunctionSource | None = Field(
        default=None,
        description="python:package.module:function that takes outputs by name and labels, and "
        "returns one score for each sample or one number: evaluation_score",
    )


class LoadProfile(ContractModel):
    """How the server is loaded while it is measured.

    A measurement is a run of windows of `window_requests` each. It ends once the limits under this
    load are decided and the objectives precise, after `max_windows` at the latest; all its windows
    count. At most eight times, at ends of windows, it is looked at what is known.
    """

    name: Name = Field(description="what objectives and constraints call it in `load`")
    type: LoadType = Field(
        description="ClosedLoop: a number of requests outstanding; Poisson: arrivals at a rate; "
        "MaxRate: Poisson at the highest rate at which the limits under this load hold"
    )
    rate_per_second: float | None = Field(
        default=None,
        gt=0,
        le=1e6,
        description="requests per second, when type is Poisson; the highest tried, when MaxRate",
    )
    concurrency: int | None = Field(
        default=None, ge=1, le=4096, description="requests outstanding, when type is ClosedLoop"
    )
    window_requests: int = Field(
        default=100, ge=10, le=1_000_000, description="requests in one window of a measurement"
    )
    max_windows: int = Field(
        default=6,
        ge=3,
        le=100,
        description="windows after which a measurement ends, decided or not",
    )
    request_timeout_seconds: float = Field(
        default=10.0, gt=0, le=600, description="seconds after which a request counts as failed"
    )

    @model_validator(mode="after")
    def _has_what_its_type_needs(self) -> Self:
        at_a_rate = self.type is not LoadType.CLOSED_LOOP
        needed, other = (
            ("rate_per_second", "concurrency") if at_a_rate else ("concurrency", "rate_per_second")
        )
        if getattr(self, needed) is None:
            raise ValueError(f"{_camel(needed)} must be set when type is {self.type}")
        if getattr(self, other) is not None:
            raise ValueError(f"{_camel(other)} may not be set when type is {self.type}")
        return self

    @property
    def measured_requests(self) -> int:
        """The requests of the fewest windows that a measurement can be allowed."""
        return COUNTED_WINDOWS * self.window_requests


COUNTED_WINDOWS = 3
"""Windows that a measurement has at least, unless its limits are decided earlier."""


def fewest_samples(percentile: float) -> int:
    """Return how many samples bound a percentile at 99 % confidence when none is over the limit.

    The h(0) of MLPerf's binomial early stopping: 90 for p95, 459 for p99.
    """
    samples = 1
    while (percentile / 100) ** samples > _CERTAIN:
        samples += 1
    return samples


class Workload(ContractModel):
    """What is served and how it is loaded; the same for every trial of a tuning."""

    models: tuple[ModelSource, ...] = Field(
        min_length=1, max_length=32, description="the model, or several to choose from"
    )
    evaluation_data: Path | None = Field(
        default=None,
        description="path or URL of an .npz with inputs and `label`: what accuracy is of",
    )
    evaluation: Evaluation | None = Field(
        default=None, description="which output is held against the labels, and how"
    )
    calibration_data: Path | None = Field(
        default=None,
        description="path or URL of an .npz with inputs of other samples, for int8-static",
    )
    credentials: SourceCredentials | None = Field(
        default=None, description="what opens sources that are URLs; in a cluster"
    )
    inputs: tuple[InputShape, ...] = Field(
        default=(), max_length=32, description="shapes of inputs whose axes the model leaves open"
    )
    request_batch: int = Field(
        default=1, ge=1, le=65536, description="samples in one request; never a parameter"
    )
    loads: tuple[LoadProfile, ...] = Field(
        default=(), max_length=8, description="how the server is loaded while it is measured"
    )

    @model_validator(mode="after")
    def _names_are_unique(self) -> Self:
        for field, items in (
            ("models", self.models),
            ("inputs", self.inputs),
            ("loads", self.loads),
        ):
            names = [item.name for item in items]
            doubled = sorted({name for name in names if names.count(name) > 1})
            if doubled:
                raise ValueError(f"{field} must have unique names, got {doubled[0]!r} twice")
        return self

    @property
    def evaluating(self) -> Evaluation:
        """How outputs are held against labels, the defaults where nothing was said."""
        return self.evaluation or Evaluation()

    def load(self, name: str) -> LoadProfile | None:
        """Return the load profile of that name."""
        return next((load for load in self.loads if load.name == name), None)


def why_not_measurable(workload: Workload, metric: str, load_name: str | None) -> str | None:
    """Return the rule that a metric under a load profile breaks, or None if it can be measured."""
    definition = METRICS.get(metric)
    if definition is None:
        return f"must be one of {', '.join(METRICS)}"
    missing = _missing_of_evaluation(workload, definition)
    if missing is not None:
        return f"needs {missing}"
    if not definition.under_load:
        return None if load_name is None else "may not name a load: it does not depend on one"
    if load_name is None:
        return "must name its load profile in `load`"
    load = workload.load(load_name)
    if load is None:
        known = ", ".join(profile.name for profile in workload.loads) or "none"
        return f"must name a load profile of workload.loads ({known}) in `load`"
    return _not_under(load, definition)


def _not_under(load: LoadProfile, metric: MetricDefinition) -> str | None:
    if metric.name == MAX_RATE and load.type is not LoadType.MAX_RATE:
        return f"needs a load of type MaxRate, load {load.name!r} has type {load.type}"
    return _too_few_samples(load, metric.percentile)


def _missing_of_evaluation(workload: Workload, definition: MetricDefinition) -> str | None:
    if definition.needs_evaluation_data and workload.evaluation_data is None:
        return "workload.evaluationData"
    if definition.needs_function and workload.evaluating.function is None:
        return "workload.evaluation.function"
    return None


def _too_few_samples(load: LoadProfile, percentile: float | None) -> str | None:
    needed = 0 if percentile is None else fewest_samples(percentile)
    if load.measured_requests >= needed:
        return None
    return (
        f"needs at least {needed} requests a measurement, load {load.name!r} has "
        f"{load.measured_requests} ({COUNTED_WINDOWS} x windowRequests)"
    )


def _camel(field: str) -> str:
    first, *rest = field.split("_")
    return first + "".join(word.capitalize() for word in rest)
