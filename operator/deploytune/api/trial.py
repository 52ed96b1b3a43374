"""`TuningTrial`: one trial on record. The TuningTrials of a tuning are its whole memory."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from deploytune.api.tuning import API_VERSION, Metadata
from deploytune.api.tuning_status import Number, Parameters
from deploytune.contract.errors import InvalidTuningError
from deploytune.contract.models import ContractModel, Name, ScalarField, SpentSeconds, Text
from deploytune.contract.outcomes import Cause, OutcomeKind
from deploytune.contract.report import Measurement
from deploytune.contract.stages import Stage

_TRIAL_NAME = re.compile(r"([a-z0-9][-a-z0-9]*)-(0|[1-9][0-9]*)")

Index = Annotated[int, Field(ge=0, le=2**31 - 1)]
LabelText = Annotated[str, Field(max_length=63)]


class Purpose(StrEnum):
    """What a trial is for."""

    BASELINE = "Baseline"
    SEARCH = "Search"
    CONFIRM = "Confirm"


class ProposalRecord(ContractModel):
    """Why this configuration was proposed, and what was known then."""

    strategy: Text = Field(description="the strategy that proposed it")
    search_stage: Text = Field(description="where the search stood: Exploring or Exploiting")
    why: dict[str, ScalarField] = Field(
        default_factory=dict, max_length=32, description="the strategy's own reasons by name"
    )
    knew: tuple[Index, ...] = Field(
        default=(), max_length=10_000, description="indices of the finished trials, as told"
    )
    in_flight: tuple[Index, ...] = Field(
        default=(), max_length=256, description="indices of the trials that were running"
    )
    algorithm_version: Text = Field(default="", description="version of the strategy")


class TrialSpecRecord(ContractModel):
    """What is tried; immutable."""

    tuning: Text = Field(description="name of the tuning")
    index: Index = Field(description="number of the trial in its tuning, from 0")
    parameters: Parameters = Field(description="the configuration: active parameters only")
    pool: Text = Field(description="the node pool it runs on")
    purpose: Purpose = Field(description="Baseline, Search or Confirm")
    confirms: Index | None = Field(
        default=None, description="index of the trial it re-measures, when purpose is Confirm"
    )
    proposal: ProposalRecord = Field(description="who proposed it, and why")


class Sharing(StrEnum):
    """Whether a node's devices are used by one Pod at a time."""

    EXCLUSIVE = "Exclusive"
    SHARED = "Shared"
    UNKNOWN = "Unknown"


class NodeDevices(ContractModel):
    """What the labels of a node say of the devices that an attempt had."""

    product: LabelText | None = Field(default=None, description="the product's name")
    driver: LabelText | None = Field(default=None, description="version of the driver")
    cuda: LabelText | None = Field(default=None, description="highest CUDA that the driver runs")
    mig: LabelText | None = Field(default=None, description="profile, where it is a slice")
    sharing: Sharing = Field(
        description="Exclusive, Shared, or Unknown where the operator may not read Nodes"
    )
    shared_by: Text | None = Field(
        default=None, description="the label by which the node says that it shares its devices"
    )


class AttemptRecord(ContractModel):
    """One attempt that ended: how, and for how long it ran."""

    attempt: Index = Field(description="number of the attempt in its trial, from 0")
    outcome: OutcomeKind = Field(description="how it ended")
    cause: Cause | None = Field(default=None, description="why, where the outcome does not say it")
    rule: Text | None = Field(
        default=None, description="name of the rule that made an outcome of its end"
    )
    message: Text = Field(default="", description="what went wrong, in a line")
    seconds: SpentSeconds = Field(
        default=0.0, description="how long it ran; of a Pod, from its node to its end"
    )
    accelerator_seconds: SpentSeconds = Field(
        default=0.0, description="those seconds times the accelerators it held"
    )
    end_time: Text | None = Field(default=None, description="when it ended")
    pod: Text | None = Field(default=None, description="name of its Pod")
    node: Text | None = Field(default=None, description="the node it was on")
    devices: NodeDevices | None = Field(
        default=None, description="what its node says of its devices, where it asked for some"
    )
    image_id: Annotated[str, Field(max_length=1024)] | None = Field(
        default=None, description="what its image's name stood for"
    )
    template: Text | None = Field(
        default=None, description="digest of the mutable part of the tuning its Pod was made from"
    )


class EndRequest(ContractModel):
    """Written before we end an attempt ourselves, so that its end is not taken for a failure."""

    attempt: Index = Field(description="number of the attempt that is to end")
    why: Text = Field(description="why we end it")


class TrialStatusRecord(ContractModel):
    """How it ended; absent fields are not known yet."""

    outcome: OutcomeKind | None = Field(default=None, description="how the trial ended")
    cause: Cause | None = Field(default=None, description="why, where the outcome does not say it")
    message: Text = Field(default="", description="what went wrong, in a line")
    uncertain: bool = Field(
        default=False, description="whether a confidence bound crosses a limit at the cap"
    )
    reached_stage: Stage | None = Field(default=None, description="the last stage it began")
    metrics: dict[str, Measurement] = Field(
        default_factory=dict, max_length=128, description="what was measured, by metric key"
    )
    violations: dict[str, Number] = Field(
        default_factory=dict, max_length=32, description="violation of each limit, by metric key"
    )
    stage_seconds: dict[Stage, SpentSeconds] = Field(
        default_factory=dict, max_length=16, description="seconds each stage took"
    )
    waited_seconds: SpentSeconds = Field(
        default=0.0, description="seconds spent waiting for the machine's measurement lock"
    )
    facts: dict[str, ScalarField] = Field(
        default_factory=dict, max_length=64, description="what was really used: versions, provider"
    )
    attempts: tuple[AttemptRecord, ...] = Field(
        default=(), max_length=1000, description="the attempts that ended"
    )
    end_requested: EndRequest | None = Field(
        default=None, description="the attempt that we end ourselves"
    )
    completion_index: Index | None = Field(
        default=None, description="its place in the order in which outcomes became known"
    )
    start_time: Text | None = Field(default=None, description="when its first attempt began")
    completion_time: Text | None = Field(default=None, description="when its outcome was known")
    trial_seconds: SpentSeconds = Field(default=0.0, description="seconds of all its attempts")


class TrialMetadata(Metadata):
    """The metadata of a trial: its name is longer than that of its tuning, by its index."""

    name: Name


class TuningTrial(ContractModel):
    """One trial: what was asked, and how it ended."""

    api_version: Literal["deploytune.dev/v1alpha1"] = API_VERSION
    kind: Literal["TuningTrial"] = "TuningTrial"
    metadata: TrialMetadata
    spec: TrialSpecRecord = Field(description="what is tried; immutable")
    status: TrialStatusRecord = Field(default=TrialStatusRecord(), description="how it ended")

    def record_of(self, attempt: int) -> AttemptRecord | None:
        """Return the record that tells of an attempt, None if it is not on record.

        A record of several attempts that ended alike carries the number of the last.
        """
        return next((one for one in self.status.attempts if one.attempt >= attempt), None)

    @property
    def deciding_attempt(self) -> AttemptRecord | None:
        """The last attempt if its end is the trial's, None if none has ended or it was given up."""
        last = self.status.attempts[-1] if self.status.attempts else None
        if last is None or not self.is_finished:
            return last
        status = self.status
        said = (status.outcome, status.cause, status.message)
        return last if said == (last.outcome, last.cause, last.message) else None

    @property
    def is_finished(self) -> bool:
        """Whether its outcome is on record."""
        return self.status.outcome is not None


def trial_name(tuning: str, index: int) -> str:
    """Return the name of a tuning's trial: `<tuning>-<index>`."""
    return f"{tuning}-{index}"


def tuning_of(trial: str) -> str:
    """Return the name of the tuning that a trial's name begins with.

    Raises:
        InvalidTuningError: it is no trial's name.
    """
    found = _TRIAL_NAME.fullmatch(trial)
    if found is None:
        rule = "must be the name of a trial, <tuning>-<index>, such as digits-7"
        raise InvalidTuningError("TRIAL", rule, trial)
    return found[1]
