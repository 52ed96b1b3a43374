"""`DeploymentTuning`: the resource a user writes. The models are the schema.

A field is here only once it works. Names are camelCase in YAML; descriptions become the CRD's, each
behind its field's name. Rules across fields stand in `cross_field.py`.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Final, Literal

from pydantic import ConfigDict, Field

from deploytune.api.artefact_cache import ArtefactCacheSpec
from deploytune.api.pod_template import (
    LabelKey,
    LabelValue,
    PodTemplateSpec,
    QualifiedName,
    Toleration,
)
from deploytune.api.quantities import CpuQuantity, MemoryQuantity, bytes_of, cores_of
from deploytune.api.tuning_status import (
    Answer,
    LimitMargin,
    NearestMiss,
    Number,
    TuningStatus,
    WastedSeconds,
)
from deploytune.contract.metrics import Direction, metric_key
from deploytune.contract.models import ContractModel, Name, ScalarField, type_name_pattern
from deploytune.contract.request import Resources, Seconds, StageDeadlines
from deploytune.contract.workload import Workload
from deploytune.search.space import ParameterType, Scale

__all__ = [
    "API_VERSION",
    "GROUP",
    "POOL_PARAMETER",
    "AlgorithmSpec",
    "Answer",
    "BudgetSpec",
    "ConstraintSpec",
    "DeploymentTuning",
    "LimitMargin",
    "Metadata",
    "MetricName",
    "MetricReference",
    "NearestMiss",
    "NodePoolSpec",
    "Number",
    "ObjectiveSpec",
    "ParameterName",
    "ParameterSpec",
    "Placement",
    "PodRetention",
    "ResourcesSpec",
    "SearchSpaceSpec",
    "SearchSpec",
    "StrategyName",
    "TrialSpec",
    "TuningSpec",
    "TuningStatus",
    "WastedSeconds",
]

GROUP = "deploytune.dev"
API_VERSION: Final = "deploytune.dev/v1alpha1"

POOL_PARAMETER = "pool"
"""The dimension of the search that picks one of several node pools; no trial sees it."""

MetricName = Annotated[str, Field(min_length=1, max_length=63, pattern=r"^[A-Za-z][A-Za-z0-9_]*$")]
ParameterName = Annotated[
    str, Field(min_length=1, max_length=63, pattern=r"^[A-Za-z][A-Za-z0-9_]*$")
]
StrategyName = Annotated[
    str, Field(min_length=1, max_length=63, pattern=r"^[A-Za-z][A-Za-z0-9_.-]*$")
]
"""Which of these there is, the search knows when it looks the strategy up (ADR 0007)."""

Assignment = Annotated[dict[ParameterName, ScalarField], Field(min_length=1, max_length=64)]


class MetricReference(ContractModel):
    """A metric, and the load profile it is measured under if it depends on one."""

    metric: MetricName = Field(description="name of the metric, its unit included")
    load: Name | None = Field(
        default=None, description="name of the load profile under which the metric is measured"
    )

    @property
    def key(self) -> str:
        """The metric's key in requests, reports and history."""
        return metric_key(self.metric, self.load)


class ObjectiveSpec(MetricReference):
    """What to optimise."""

    direction: Direction = Field(description="Maximize or Minimize")


class ConstraintSpec(MetricReference):
    """A hard limit; exactly one of max and min."""

    max: Number | None = Field(default=None, description="the metric must not be above it")
    min: Number | None = Field(default=None, description="the metric must not be below it")


class ParameterSpec(ContractModel):
    """One dimension of the search space."""

    name: ParameterName = Field(description="what the trial knows the parameter by")
    type: ParameterType = Field(description="Categorical, Integer, Float or Boolean")
    values: tuple[ScalarField, ...] | None = Field(
        default=None,
        min_length=1,
        max_length=256,
        description="what a Categorical parameter may be, in any order; strings, numbers, booleans",
    )
    min: Number | None = Field(default=None, description="smallest value of Integer and Float")
    max: Number | None = Field(default=None, description="largest value of Integer and Float")
    step: Annotated[float, Field(gt=0, le=1e15)] | None = Field(
        default=None, description="distance between neighbouring values, counted from min"
    )
    scale: Scale = Field(
        default=Scale.LINEAR, description="Linear, or Log where ratios matter and min is above 0"
    )
    when: dict[ParameterName, Annotated[tuple[ScalarField, ...], Field(max_length=64)]] = Field(
        default_factory=dict,
        max_length=16,
        description="the parameter is active only while each named one has one of these values",
    )
    default: ScalarField | None = Field(
        default=None, description="the value in the baseline, which is measured first of all"
    )


class SearchSpaceSpec(ContractModel):
    """The configurations that may be tried."""

    parameters: tuple[ParameterSpec, ...] = Field(
        min_length=1, max_length=64, description="the dimensions"
    )
    exclude: tuple[Assignment, ...] = Field(
        default=(), max_length=256, description="partial assignments known to be invalid"
    )
    initial: tuple[Assignment, ...] = Field(
        default=(), max_length=64, description="configurations to try first, after the baseline"
    )


class ResourcesSpec(ContractModel):
    """What one trial may use, as Kubernetes quantities; requests equal limits.

    In a cluster cpu and memory must be set: trial Pods are of the quality of service Guaranteed.
    """

    cpu: CpuQuantity | None = Field(default=None, description="cores, such as 2 or 500m")
    memory: MemoryQuantity | None = Field(
        default=None, description="memory of the trial's whole process tree, such as 2Gi"
    )
    ephemeral_storage: MemoryQuantity | None = Field(
        default=None, description="disk for artefacts and logs, such as 20Gi; a Pod's only"
    )
    accelerators: dict[QualifiedName, Annotated[int, Field(ge=1, le=64)]] = Field(
        default_factory=dict,
        max_length=8,
        description="extended resources by name, such as nvidia.com/gpu: 1; a trial that finds "
        "fewer devices of NVIDIA does not run",
    )

    @property
    def devices(self) -> int:
        """How many accelerators one trial holds."""
        return sum(self.accelerators.values())

    def to_resources(self, *, shared_devices: bool = False) -> Resources:
        """Return the quantities as cores and bytes; `shared_devices` may be used by others too."""
        return Resources(
            cpus=None if self.cpu is None else cores_of(self.cpu),
            memory_bytes=None if self.memory is None else bytes_of(self.memory),
            accelerators=self.accelerators,
            shared_devices=shared_devices,
        )


class Placement(StrEnum):
    """How trials of a pool share its nodes."""

    PACKED = "Packed"
    ONE_PER_NODE = "OnePerNode"


class NodePoolSpec(ContractModel):
    """Where trials run, and what each may use."""

    name: Name = Field(description="name of the pool")
    resources: ResourcesSpec = Field(
        default=ResourcesSpec(), description="what one trial may use; without limits if absent"
    )
    node_selector: dict[LabelKey, LabelValue] = Field(
        default_factory=dict,
        max_length=32,
        description="labels that a node of the pool carries; in a cluster only",
    )
    tolerations: Annotated[tuple[Toleration, ...], Field(max_length=32)] | None = Field(
        default=None,
        description="taints that trials tolerate; if absent, those whose keys are the resources "
        "in resources.accelerators, such as nvidia.com/gpu",
    )
    runtime_class_name: Name | None = Field(
        default=None, description="RuntimeClass of trial Pods, where the accelerator needs one"
    )
    max_parallel_trials: Annotated[int, Field(ge=1, le=256)] | None = Field(
        default=None, description="trials that may run in the pool at the same time"
    )
    placement: Placement = Field(
        default=Placement.PACKED,
        description="Packed, or OnePerNode: no two trials of any tuning share a node",
    )
    allow_shared_devices: bool = Field(
        default=False,
        description="whether nodes that share devices in time or by MPS may be used; "
        "latencies measured there mean little",
    )


class BudgetSpec(ContractModel):
    """When the search ends; confirmations are reserved on top of `maxTrials`."""

    max_trials: Annotated[int, Field(ge=1, le=10_000)] = Field(
        description="trials of the search, the baseline included, confirmations not"
    )
    max_duration_seconds: Annotated[int, Field(ge=1, le=31_536_000)] | None = Field(
        default=None,
        description="seconds after which the search begins no further trial, suspension not "
        "counted; confirmations follow",
    )
    max_accelerator_seconds: Annotated[int, Field(ge=1, le=10**9)] | None = Field(
        default=None,
        description="seconds times accelerators, failures of infrastructure included, after which "
        "the search begins no further trial",
    )
    confirmations: Annotated[int, Field(ge=0, le=20)] = Field(
        default=3, description="re-measurements of the winner in fresh processes"
    )


class AlgorithmSpec(ContractModel):
    """Which strategy proposes."""

    name: StrategyName = Field(
        default="TBA",
        description="TBA, TPE, Random, Grid, Optuna, or a strategy of an installed package",
    )
    seed: Annotated[int, Field(ge=0, lt=2**31)] = Field(
        default=0, description="equal seeds and equal histories give equal proposals"
    )
    preset: Literal["Paper"] | None = Field(
        default=None, description="another TBA; Paper: as published"
    )
    sampler: Annotated[str, Field(min_length=1, max_length=63)] | None = Field(
        default=None, description="class name of an Optuna sampler, such as CmaEsSampler"
    )
    settings: dict[ParameterName, ScalarField] = Field(
        default_factory=dict, max_length=32, description="settings of the strategy by name"
    )


class PodRetention(StrEnum):
    """Which Pods stay, with their logs, when their result is on record."""

    NEVER = "Never"
    ON_FAILURE = "OnFailure"
    ALWAYS = "Always"


class TrialSpec(ContractModel):
    """How each trial is run."""

    image: Annotated[str, Field(min_length=1, max_length=512)] | None = Field(
        default=None, description="image of trial Pods; the operator's own choice if absent"
    )
    image_pull_policy: Literal["Always", "IfNotPresent", "Never"] = Field(
        default="IfNotPresent", description="Always, IfNotPresent or Never"
    )
    start_deadline_seconds: Annotated[int, Field(ge=1, le=7 * 86400)] = Field(
        default=1800,
        description="seconds a Pod may wait to be scheduled before the tuning is Degraded and its "
        "pool is given no more Pods; the Pod goes on waiting",
    )
    pull_allowance_seconds: Annotated[int, Field(ge=0, le=86400)] = Field(
        default=900,
        description="seconds for pulling images, on top of runDeadlineSeconds, in a Pod's deadline",
    )
    pod_retention: PodRetention = Field(
        default=PodRetention.ON_FAILURE,
        description="Never, OnFailure or Always: which ended Pods stay for their logs",
    )
    pod_template: PodTemplateSpec = Field(
        default=PodTemplateSpec(), description="what else trial Pods carry"
    )
    artefact_cache: ArtefactCacheSpec | None = Field(
        default=None, description="where trials keep builds for each other; nowhere if absent"
    )
    run_deadline_seconds: Seconds = Field(
        default=3600.0, description="seconds all stages of a trial may take together"
    )
    stage_deadlines_seconds: StageDeadlines = Field(
        default=StageDeadlines(), description="seconds each stage of a trial may take"
    )
    latency_abort_factor: Annotated[float, Field(gt=1, le=1000)] = Field(
        default=5.0, description="a latency beyond its limit times this ends the measurement"
    )
    infra_retries: Annotated[int, Field(ge=0, le=20)] = Field(
        default=3, description="new attempts after failures that are not the configuration's"
    )


class SearchSpec(ContractModel):
    """The part of a tuning that concerns the search alone."""

    objectives: tuple[ObjectiveSpec, ...] = Field(
        min_length=1, max_length=1, description="what to optimise; one metric"
    )
    constraints: tuple[ConstraintSpec, ...] = Field(
        default=(), max_length=16, description="hard limits on metrics"
    )
    search_space: SearchSpaceSpec = Field(description="the configurations that may be tried")
    budget: BudgetSpec = Field(description="when the search ends")
    algorithm: AlgorithmSpec = Field(
        default=AlgorithmSpec(), description="which strategy proposes what to try next"
    )


class TuningSpec(SearchSpec):
    """What a user asks for."""

    node_pools: tuple[NodePoolSpec, ...] = Field(
        default=(NodePoolSpec(name="local"),),
        min_length=1,
        max_length=16,
        description="where trials run, and what each may use; of several, the search picks",
    )
    parallel_trials: Annotated[int, Field(ge=1, le=256)] = Field(
        default=1, description="trials that may run at the same time"
    )
    suspend: bool = Field(
        default=False,
        description="true ends running trials, to be run again, and starts none until it is false",
    )
    stop: bool = Field(
        default=False,
        description="true ends the search now, for good: running trials of it are ended and held "
        "against nothing, and the best so far is confirmed",
    )
    ttl_seconds_after_finished: Annotated[int, Field(ge=0, le=31_536_000)] | None = Field(
        default=None, description="seconds after its end when the tuning is deleted"
    )
    trial: TrialSpec = Field(default=TrialSpec(), description="how each trial is run")
    workload: Workload = Field(description="what is served, on which data, under which load")


class Metadata(ContractModel):
    """The part of Kubernetes' object metadata that deploytune reads and writes."""

    model_config = ConfigDict(extra="ignore")  # an exported object carries more of it

    name: Annotated[str, Field(min_length=1, max_length=50, pattern=type_name_pattern)]
    namespace: Annotated[str, Field(max_length=63)] | None = None
    uid: Annotated[str, Field(max_length=63)] | None = None
    generation: int | None = None
    resource_version: str | None = None
    creation_timestamp: str | None = None
    deletion_timestamp: str | None = None
    labels: dict[str, str] = Field(default_factory=dict)
    annotations: dict[str, str] = Field(default_factory=dict)


class DeploymentTuning(ContractModel):
    """A tuning: the question, and in its status the answer."""

    api_version: Literal["deploytune.dev/v1alpha1"] = API_VERSION
    kind: Literal["DeploymentTuning"] = "DeploymentTuning"
    metadata: Metadata = Field(description="name, namespace, labels, annotations")
    spec: TuningSpec = Field(description="the question")
    status: TuningStatus | None = Field(default=None, description="the answer")
