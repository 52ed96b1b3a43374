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
    """One parameter: who consumes it, which values it may take, and what it means.

    `default` is what the build stage assumes where it is absent, None where that depends on more.
    """

    name: str
    consumed_by: Stage
    meaning: str
    values: tuple[str, ...] = ()
    minimum: int | None = None
    maximum: int | None = None
    default: str | None = None

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
        "backend", Stage.BUILD, "what runs the model", values=("onnxruntime", "pytorch", "tensorrt")
    ),
    TrialParameter(
        "precision",
        Stage.BUILD,
        "number format of weights and activations",
        values=("fp32", "fp16", "bf16", "fp8", "int8-dynamic", "int8-static"),
        default="fp32",
    ),
    TrialParameter(
        "calibrationMethod",
        Stage.BUILD,
        "how static quantisation finds the ranges of activations",
        values=("MinMax", "Entropy", "Percentile"),
        default="MinMax",
    ),
    TrialParameter(
        "calibrationSamples",
        Stage.BUILD,
        "samples of the calibration data that static quantisation uses",
        minimum=1,
        maximum=1_000_000,
    ),
    TrialParameter(
        "quantizationGranularity",
        Stage.BUILD,
        "one range for a weight tensor, or one for each of its output channels",
        values=("PerTensor", "PerChannel"),
        default="PerTensor",
    ),
    TrialParameter(
        "graphOptimization",
        Stage.BUILD,
        "graph optimisation level of ONNX Runtime",
        values=("Disabled", "Basic", "Extended", "All"),
        default="All",
    ),
    TrialParameter(
        "executionProvider",
        Stage.BUILD,
        "what ONNX Runtime runs nodes with; default: CUDA where the pool has accelerators (for "
        "int8-dynamic not), else CPU",
        values=("CPU", "CUDA", "TensorRT"),
    ),
    TrialParameter(
        "convolutionSearch",
        Stage.BUILD,
        "how cuDNN's algorithm for a convolution is found",
        values=("Exhaustive", "Heuristic", "Default"),
        default="Exhaustive",
    ),
    TrialParameter(
        "tensorFloat32",
        Stage.BUILD,
        "whether float32 products may be rounded to TF32",
        values=("Allowed", "Forbidden"),
        default="Allowed",
    ),
    TrialParameter(
        "engineOptimizationLevel",
        Stage.BUILD,
        "how long TensorRT's builder looks for faster kernels; default: TensorRT's, 3",
        minimum=0,
        maximum=5,
    ),
    TrialParameter(
        "engineWorkspaceMib",
        Stage.BUILD,
        "MiB of device memory that a layer of an engine may use; default: all there is",
        minimum=1,
        maximum=1_048_576,
    ),
    TrialParameter(
        "engineTyping",
        Stage.BUILD,
        "whether the graph's types bind TensorRT, or (Weak, TensorRT 10 only) builder flags let it "
        "choose",
        values=("Strong", "Weak"),
        default="Strong",
    ),
    TrialParameter(
        "engineCompatibility",
        Stage.BUILD,
        "where an engine may run: on this device and version only, on later versions too "
        "(Version), on GPUs of the same compute capability, on Ampere and newer",
        values=("Device", "Version", "ComputeCapability", "Ampere"),
        default="Device",
    ),
    TrialParameter(
        "compile",
        Stage.BUILD,
        "run a torch module as it is, through torch.compile, or exported and compiled ahead",
        values=("Eager", "Compiled", "AOTInductor"),
        default="Eager",
    ),
    TrialParameter(
        "intraOpThreads",
        Stage.SERVE,
        "threads inside one operator, per model instance; default: the CPU quota",
        minimum=1,
        maximum=1024,
    ),
    TrialParameter(
        "instances",
        Stage.SERVE,
        "model instances that Triton runs; of a model on GPUs, on each device that it sees",
        minimum=1,
        maximum=64,
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
    TrialParameter(
        "queueTimeoutMicroseconds",
        Stage.SERVE,
        "how long a request may wait in Triton before it is rejected; 0: as long as it takes",
        minimum=0,
        maximum=600_000_000,
    ),
    TrialParameter(
        "maxQueueSize",
        Stage.SERVE,
        "requests that may wait in Triton before the next is rejected; 0: any number",
        minimum=0,
        maximum=1_000_000,
    ),
    TrialParameter(
        "warmUpShapes",
        Stage.SERVE,
        "batch sizes that Triton runs once before it is ready: none, one sample with a request's "
        "and the largest (Few, the default), or every one up to 64",
        values=("None", "Few", "Every"),
    ),
    TrialParameter(
        "cudaGraphs",
        Stage.SERVE,
        "whether Triton's tensorrt backend records an engine's launches and replays them, for "
        "every batch that requests can make; of more than 64 sizes, for some",
        values=("Off", "On"),
    ),
)

TRIAL_PARAMETERS = MappingProxyType({parameter.name: parameter for parameter in _PARAMETERS})
"""Every parameter of the stock trial, by name."""
