"""What a tuning's status says; derived from the TuningTrials alone, and written once a pass.

Strings carry no enums in the CRD, so that an older CRD never refuses a newer status.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from deploytune.api.conditions import Condition, ConditionType
from deploytune.contract.models import ContractModel, ScalarField, SpentSeconds, Text

Number = Annotated[float, Field(ge=-1e15, le=1e15)]
Count = Annotated[int, Field(ge=0, le=2**31 - 1)]
Parameters = Annotated[dict[str, ScalarField], Field(max_length=64)]


class LimitMargin(ContractModel):
    """How far a metric is from its limit: positive is inside."""

    metric: Text = Field(description="key of the metric")
    limit: Number = Field(description="the bound that must not be crossed")
    value: Number | None = Field(default=None, description="as measured; absent if it was not")
    margin: Annotated[float, Field(ge=-2e15, le=2e15)] | None = Field(
        default=None, description="distance to the limit in the metric's unit, positive inside"
    )


class Answer(ContractModel):
    """A configuration and its figures; from confirmations alone where there are any."""

    trial: Text = Field(description="name of the TuningTrial")
    pool: Text = Field(default="", description="the node pool it was measured on")
    parameters: Parameters = Field(description="the configuration")
    metrics: dict[str, Number] = Field(max_length=128, description="measured values by metric key")
    half_widths: dict[str, Number] = Field(
        default_factory=dict,
        max_length=128,
        description="half-widths of the values' confidence intervals, by metric key",
    )
    margins: tuple[LimitMargin, ...] = Field(
        default=(), max_length=32, description="the distance to every limit"
    )
    confirmations: Count = Field(
        default=0, description="fresh re-measurements that the figures come from"
    )


class PoolAnswer(ContractModel):
    """The best of one node pool, as its own trial or its confirmations measured it."""

    name: Text = Field(description="name of the pool")
    trial: Text = Field(description="name of the TuningTrial")
    parameters: Parameters = Field(description="the configuration")
    metrics: dict[str, Number] = Field(max_length=128, description="measured values by metric key")
    confirmations: Count = Field(
        default=0, description="fresh re-measurements that the figures come from"
    )


class NearestMiss(ContractModel):
    """While nothing is feasible: the trial that came closest, and the limit that binds most."""

    trial: Text = Field(description="name of the TuningTrial")
    parameters: Parameters = Field(description="the configuration")
    violation: Number = Field(description="sum of the squashed violations of its limits")
    binding_metric: Text | None = Field(
        default=None, description="key of the metric whose limit it misses by most"
    )
    limit: Number | None = Field(default=None, description="the limit of that metric")
    value: Number | None = Field(default=None, description="what that metric was")
    missed_by: Count = Field(default=0, description="measured trials that missed that limit")
    measured: Count = Field(default=0, description="trials that came to a measurement")


class ClosedSubspace(ContractModel):
    """A value that the strategy does not propose for a while, because trials with it failed."""

    parameter: Text = Field(description="name of the parameter")
    value: ScalarField = Field(description="the value that is not proposed")
    failures: Count = Field(description="trials in a row that failed with it")
    until_trials: Count = Field(
        description="how many trials of the search have ended when it may be tried again"
    )


class WastedSeconds(ContractModel):
    """Seconds of trials that gave no feasible configuration, by what they ended as."""

    cause: Text = Field(description="outcome, and its cause where there is one")
    seconds: SpentSeconds = Field(description="seconds of all such trials together")


class TuningStatus(ContractModel):
    """What is known; derived from the TuningTrials alone."""

    observed_generation: Count | None = Field(
        default=None, description="generation of the spec that this status answers"
    )
    conditions: tuple[Condition, ...] = Field(
        default=(), max_length=16, description="Finished, Succeeded, FeasibleFound and others"
    )
    search_stage: Text | None = Field(
        default=None, description="Exploring, Exploiting or Confirming"
    )
    start_time: Text | None = Field(default=None, description="when the first pass was made")
    completion_time: Text | None = Field(default=None, description="when the tuning ended")
    trials: Count = Field(default=0, description="trials on record, the baseline included")
    outcomes: dict[str, Count] = Field(
        default_factory=dict, max_length=32, description="ended trials by outcome"
    )
    trial_seconds: SpentSeconds = Field(default=0.0, description="seconds of all trials together")
    accelerator_seconds: SpentSeconds = Field(
        default=0.0, description="seconds of all attempts times the accelerators they held"
    )
    suspended_seconds: SpentSeconds = Field(
        default=0.0, description="seconds of suspensions that are over"
    )
    trial_image_id: Annotated[str, Field(max_length=1024)] | None = Field(
        default=None, description="what the trial image's name stood for at the first trial"
    )
    wasted: tuple[WastedSeconds, ...] = Field(
        default=(), max_length=32, description="seconds that gave no feasible configuration"
    )
    baseline: Answer | None = Field(default=None, description="the defaults, as measured first")
    best: Answer | None = Field(default=None, description="the answer so far")
    best_per_pool: tuple[PoolAnswer, ...] = Field(
        default=(), max_length=16, description="the best of each pool, where there are several"
    )
    closed_subspaces: tuple[ClosedSubspace, ...] = Field(
        default=(),
        max_length=64,
        description="values that the strategy does not propose now; the preset Paper closes some",
    )
    nearest_miss: NearestMiss | None = Field(
        default=None, description="while nothing is feasible, the trial that came closest"
    )
    feasible_left_at_most: Annotated[float, Field(ge=0, le=1)] | None = Field(
        default=None,
        description="where nothing was feasible in the end and the strategy has models: what they "
        "say is at most the probability that as many trials as maxTrials would find anything",
    )

    def condition(self, kind: ConditionType) -> Condition | None:
        """Return the condition of that type, None where it is not said."""
        return next((one for one in self.conditions if one.type == kind), None)
