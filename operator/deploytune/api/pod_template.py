"""What a tuning may add to its trial Pods: a closed subset of a Pod.

Whoever may create a tuning must not get more than whoever may create a Pod under Pod Security
`restricted`: no path of the host, no network or namespace of the host, no privilege, no other
service account. What is not named here cannot be said.

`runAsUser` and `fsGroup` can: an image whose user is a name, or none, does not start under
`restricted` until a number is given, and a claim's files may be readable for one group only. Both
stay above 0.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from deploytune.api.pod_volumes import DataKey, VolumeMount, VolumeSpec
from deploytune.contract.models import ContractModel, ObjectName

_QUALIFIED = r"[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?"
_PREFIX = r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?/"

QUALIFIED_NAME_PATTERN = rf"^{_PREFIX}{_QUALIFIED}$"
LABEL_KEY_PATTERN = rf"^({_PREFIX})?{_QUALIFIED}$"

QualifiedName = Annotated[str, Field(max_length=317, pattern=QUALIFIED_NAME_PATTERN)]
LabelKey = Annotated[str, Field(max_length=317, pattern=LABEL_KEY_PATTERN)]
LabelValue = Annotated[str, Field(max_length=63, pattern=rf"^({_QUALIFIED})?$")]

_UnprivilegedId = Annotated[int, Field(ge=1, le=2**31 - 1)]


class Toleration(ContractModel):
    """A taint that is tolerated, as Kubernetes has it."""

    key: LabelKey | None = Field(default=None, description="key of the taint; all if absent")
    operator: Literal["Exists", "Equal"] = Field(
        default="Equal", description="Exists, or Equal to value"
    )
    value: LabelValue | None = Field(default=None, description="value of the taint")
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = Field(
        default=None, description="effect of the taint; all if absent"
    )
    toleration_seconds: Annotated[int, Field(ge=0, le=86400)] | None = Field(
        default=None, description="seconds a Pod stays after a NoExecute taint has come"
    )


class KeySelector(ContractModel):
    """One key of a Secret or a ConfigMap."""

    name: ObjectName = Field(description="name of the object")
    key: DataKey = Field(description="the key")
    optional: bool = Field(default=False, description="whether object or key may be missing")


class EnvVarSource(ContractModel):
    """Where a variable's value comes from; exactly one of secretKeyRef and configMapKeyRef."""

    secret_key_ref: KeySelector | None = Field(default=None, description="a key of a Secret")
    config_map_key_ref: KeySelector | None = Field(default=None, description="a key of a ConfigMap")


class EnvVar(ContractModel):
    """A variable of the trial's environment; at most one of value and valueFrom."""

    name: Annotated[
        str, Field(min_length=1, max_length=253, pattern=r"^[-._A-Za-z][-._A-Za-z0-9]*$")
    ] = Field(description="name of the variable; not DEPLOYTUNE_...")
    value: Annotated[str, Field(max_length=4096)] | None = Field(
        default=None, description="the value; empty if absent"
    )
    value_from: EnvVarSource | None = Field(default=None, description="where the value comes from")


class PullSecret(ContractModel):
    """A Secret with the credentials of an image registry."""

    name: ObjectName = Field(description="name of the Secret")


class PodTemplateSpec(ContractModel):
    """What else a trial Pod carries."""

    labels: dict[LabelKey, LabelValue] = Field(
        default={},
        max_length=32,
        description="labels of the Pod, such as kueue.x-k8s.io/queue-name",
    )
    annotations: dict[LabelKey, Annotated[str, Field(max_length=4096)]] = Field(
        default={}, max_length=32, description="annotations of the Pod"
    )
    volumes: tuple[VolumeSpec, ...] = Field(
        default=(), max_length=16, description="volumes; models and data come by them"
    )
    volume_mounts: tuple[VolumeMount, ...] = Field(
        default=(), max_length=32, description="where the volumes are seen"
    )
    env: tuple[EnvVar, ...] = Field(
        default=(), max_length=64, description="variables of the trial's environment"
    )
    image_pull_secrets: tuple[PullSecret, ...] = Field(
        default=(), max_length=16, description="Secrets for pulling the image"
    )
    priority_class_name: ObjectName | None = Field(
        default=None, description="PriorityClass of the Pod; the cluster's default if absent"
    )
    run_as_user: _UnprivilegedId | None = Field(
        default=None, description="number of the user, where the image names none; never 0"
    )
    fs_group: _UnprivilegedId | None = Field(
        default=None, description="group that owns volumes and their files; never 0"
    )
