"""The parameters that the stock trial consumes: type, values, and the stage that uses each.

A parameter that no stage consumes is an error, never ignored. A user's own trial image may consume
others; this table is the stock image's promise.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType

from deploytune.contract.models import Scalar
from deploytune.contract.stages import Stage
from deploytune.contract.workload import MODEL_PARAMETER


@dataclass(frozen=True)
class TrialParameter:
    """One parameter: who consumes it, which values it may take, and what it means."""

    name: str
    consumed_by: Stage
    meaning: str
    values: tuple[str, ...] = ()
    minimum: int | None = None
    maximum: int | None = None
    when_backend: str | None = None

    def why_refused(self, value: Scalar) -> str | None:
        """Return the rule that a value breaks, or None."""
        if self.values:
            return None if value in self.values else f"must be one of {', '.join(self.values)}"
        if self.minimum is None:
            return None if isinstance(value, str) else "must be a string"
        if isinstance(value, bool) or not isinstance(value, int):
            return "must be an integer"
        if value < self.minimum:
            return f"must be greater than or equal to {self.minimum}"
        if self.maximum is not None and value > self.maximum:
            return f"must be less than or equal to {self.maximum}"
        return None


_PARAMETERS = (
    TrialParameter(MODEL_PARAMETER, Stage.LOAD, "which of workload.models to serve"),
    TrialParameter(
        "backend", Stage.BUILD, "what runs the model", values=("onnxruntime", "pytorch")
    ),
    TrialParameter(
        "precision",
        Stage.BUILD,
        "number format of weights and activations; pytorch takes int8-dynamic, not int8-static",
        values=("fp32", "fp16", "bf16", "int8-dynamic", "int8-static"),
    ),
    TrialParameter(
        "calibrationMethod",
        Stage.BUILD,
        "how int8-static finds the ranges of activations",
        values=("MinMax", "Entropy"),
        when_backend="onnxruntime",
    ),
    TrialParameter(
        "calibrationSamples",
        Stage.BUILD,
        "samples of the calibration data that int8-static uses",
        minimum=1,
        maximum=1_000_000,
        when_backend="onnxruntime",
    ),
    TrialParameter(
        "graphOptimization",
        Stage.BUILD,
        "graph optimisation level of ONNX Runtime",
        values=("Disabled", "Basic", "Extended", "All"),
        when_backend="onnxruntime",
    ),
    TrialParameter(
        "compile",
        Stage.BUILD,
        "run a torch module as it is, or through torch.compile",
        values=("Eager", "Compiled"),
        when_backend="pytorch",
    ),
    TrialParameter(
        "intraOpThreads",
        Stage.SERVE,
        "threads inside one operator, per model instance; default: the CPU quota",
        minimum=1,
        maximum=1024,
    ),
    TrialParameter(
        "instances", Stage.SERVE, "model instances that Triton runs", minimum=1, maximum=64
    ),
    TrialParameter(
        "maxBatchSize",
        Stage.SERVE,
        "largest batch that Triton forms; must hold a request batch",
        minimum=1,
        maximum=65536,
    ),
    TrialParameter(
        "maxQueueDelayMicroseconds",
        Stage.SERVE,
        "how long Triton waits to fill a batch",
        minimum=0,
        maximum=10_000_000,
    ),
)

TRIAL_PARAMETERS = MappingProxyType({parameter.name: parameter for parameter in _PARAMETERS})
"""Every parameter of the stock trial, by name."""
