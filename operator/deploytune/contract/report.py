"""What a trial says: a breadcrumb at every stage boundary, and one report at its end."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from deploytune.contract.models import ContractModel, Name, ScalarField, SpentSeconds
from deploytune.contract.outcomes import Cause, OutcomeKind
from deploytune.contract.request import CONTRACT_VERSION
from deploytune.contract.stages import Stage

Key = Annotated[str, Field(min_length=1, max_length=256)]


class Measurement(ContractModel):
    """A measured value in its metric's unit, and the half-width of its interval if there is one."""

    value: float = Field(ge=-1e15, le=1e15, description="as measured, in the metric's unit")
    half_width: float | None = Field(
        default=None, ge=0, le=1e15, description="half the width of its confidence interval"
    )


class Breadcrumb(ContractModel):
    """The stage a trial has begun; what is known of it after a SIGKILL.

    `waited_seconds` is the time spent so far waiting for the machine's measurement lock, and
    `waiting_since` the monotonic clock's reading since when it waits now.
    """

    version: int = CONTRACT_VERSION
    stage: Stage
    waited_seconds: SpentSeconds = 0.0
    waiting_since: float | None = None


class TrialReport(ContractModel):
    """The outcome of one attempt, its measurements, and where its time went.

    `metrics` are by metric key. `stage_seconds` excludes the wait for the measurement lock, which
    is `waited_seconds`. `facts` say what was really used: versions, provider, request counts.
    `dropped` names what the codec left out to keep the size.
    """

    version: int = CONTRACT_VERSION
    trial: Name
    index: int = Field(ge=0)
    attempt: int = Field(ge=0)
    outcome: OutcomeKind
    cause: Cause | None = None
    message: str = Field(default="", max_length=1024)
    stage: Stage
    uncertain: bool = False
    metrics: dict[Key, Measurement] = Field(default_factory=dict, max_length=128)
    stage_seconds: dict[Stage, SpentSeconds] = Field(default_factory=dict)
    waited_seconds: SpentSeconds = 0.0
    facts: dict[Key, ScalarField] = Field(default_factory=dict, max_length=64)
    dropped: tuple[str, ...] = Field(default=(), max_length=8)
