"""Conditions: the one place that sets them, and the reasons they may carry.

Types are states, so they read as adjectives. A condition's transition time moves only when its
status does.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Annotated, NamedTuple

from pydantic import Field

from deploytune.contract.models import ContractModel

_MESSAGE_LIMIT = 1024


class ConditionType(StrEnum):
    """The conditions of a tuning."""

    FINISHED = "Finished"
    SUCCEEDED = "Succeeded"
    FEASIBLE_FOUND = "FeasibleFound"
    PROGRESSING = "Progressing"
    SUSPENDED = "Suspended"
    DEGRADED = "Degraded"


class ConditionStatus(StrEnum):
    """Kubernetes' three-valued truth."""

    TRUE = "True"
    FALSE = "False"
    UNKNOWN = "Unknown"


class Reason(StrEnum):
    """Why a condition holds; the terminal ones end a tuning."""

    RUNNING = "Running"
    PREFLIGHT_WARNS = "PreflightWarns"
    STOPPING = "Stopping"
    FEASIBLE_CONFIGURATION = "FeasibleConfiguration"
    NOTHING_FEASIBLE_YET = "NothingFeasibleYet"
    AS_EXPECTED = "AsExpected"
    TRIALS_MISCONFIGURED = "TrialsMisconfigured"
    POD_UNSCHEDULABLE = "PodUnschedulable"
    IMAGE_UNAVAILABLE = "ImageUnavailable"
    CONTAINER_NOT_CREATED = "ContainerNotCreated"
    VOLUME_NOT_MOUNTED = "VolumeNotMounted"
    POD_REFUSED = "PodRefused"
    IMAGE_CHANGED = "ImageChanged"
    RECONCILE_FAILED = "ReconcileFailed"
    SUSPENDED = "Suspended"
    NOT_SUSPENDED = "NotSuspended"

    BUDGET_EXHAUSTED = "BudgetExhausted"
    SPACE_EXHAUSTED = "SpaceExhausted"
    CONVERGED = "Converged"
    STOPPED = "Stopped"
    NO_FEASIBLE_CONFIGURATION = "NoFeasibleConfiguration"
    INVALID_SPEC = "InvalidSpec"
    TOO_MANY_INFRASTRUCTURE_FAILURES = "TooManyInfrastructureFailures"
    CANCELLED = "Cancelled"


class Condition(ContractModel):
    """One condition, as Kubernetes writes it."""

    type: Annotated[str, Field(max_length=63)] = Field(description="the state that it speaks of")
    status: ConditionStatus = Field(description="True, False or Unknown")
    reason: Annotated[str, Field(max_length=63)] = Field(description="why, in one word")
    message: Annotated[str, Field(max_length=_MESSAGE_LIMIT)] = Field(
        default="", description="why, for people"
    )
    last_transition_time: Annotated[str, Field(max_length=63)] = Field(
        description="when the status last changed"
    )
    observed_generation: Annotated[int, Field(ge=0, le=2**53)] | None = Field(
        default=None, description="generation of the spec that it was said of"
    )


class Said(NamedTuple):
    """What a condition says: its status, and why."""

    status: ConditionStatus
    reason: Reason
    message: str = ""


def set_condition(
    conditions: Iterable[Condition],
    kind: ConditionType,
    said: Said,
    now: str,
    generation: int | None = None,
) -> tuple[Condition, ...]:
    """Return the conditions with one set; its transition time is kept while its status stays."""
    before = {condition.type: condition for condition in conditions}
    old = before.get(kind)
    changed = old is None or old.status is not said.status
    message = said.message
    before[kind] = Condition(
        type=kind,
        status=said.status,
        reason=said.reason,
        message=message if len(message) <= _MESSAGE_LIMIT else message[: _MESSAGE_LIMIT - 1] + "…",
        last_transition_time=now if changed or old is None else old.last_transition_time,
        observed_generation=generation,
    )
    return tuple(before.values())
