"""The volumes a tuning may add to its trial Pods, as Kubernetes has them.

Only kinds that Pod Security `restricted` allows and that bring no identity: no path of the host,
no service account token. Patterns keep paths from leaving their volume or container.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from deploytune.api.quantities import MemoryQuantity
from deploytune.contract.models import ContractModel, Name, ObjectName

DataKey = Annotated[str, Field(min_length=1, max_length=253, pattern=r"^[-._A-Za-z0-9]+$")]
"""A key of a Secret or a ConfigMap."""

ImageReference = Annotated[str, Field(min_length=1, max_length=512, pattern=r"^\S+$")]

_SEGMENT = r"\.?[A-Za-z0-9_@+-][^/:]*"  # neither `.` nor `..`

RelativePath = Annotated[str, Field(max_length=512, pattern=rf"^{_SEGMENT}(/{_SEGMENT})*$")]
AbsolutePath = Annotated[str, Field(max_length=512, pattern=rf"^(/{_SEGMENT})+$")]

_FileMode = Annotated[int, Field(ge=0, le=0o777)]


class KeyToPath(ContractModel):
    """One key as a file."""

    key: DataKey = Field(description="the key")
    path: RelativePath = Field(description="the file's path in the volume")
    mode: _FileMode | None = Field(default=None, description="permissions of the file")


_Items = Annotated[tuple[KeyToPath, ...], Field(max_length=64)]


class ConfigMapVolume(ContractModel):
    """A ConfigMap's keys as files."""

    name: ObjectName = Field(description="name of the ConfigMap")
    items: _Items = Field(default=(), description="the keys to show; all if absent")
    optional: bool = Field(default=False, description="whether the ConfigMap may be missing")
    default_mode: _FileMode | None = Field(default=None, description="permissions of the files")


class SecretVolume(ContractModel):
    """A Secret's keys as files."""

    secret_name: ObjectName = Field(description="name of the Secret")
    items: _Items = Field(default=(), description="the keys to show; all if absent")
    optional: bool = Field(default=False, description="whether the Secret may be missing")
    default_mode: _FileMode | None = Field(default=None, description="permissions of the files")


class EmptyDirVolume(ContractModel):
    """A folder that is empty at first and lives as long as its Pod."""

    medium: Literal["Memory"] | None = Field(
        default=None, description="Memory, or absent for the node's disk"
    )
    size_limit: MemoryQuantity | None = Field(
        default=None, description="how much it may hold, such as 1Gi"
    )


class ClaimVolume(ContractModel):
    """A claim that is there, which all trial Pods of the tuning share."""

    claim_name: ObjectName = Field(description="name of the PersistentVolumeClaim")
    read_only: bool = Field(default=False, description="whether nobody may write")


class ImageVolume(ContractModel):
    """The files of an image, where the cluster has image volumes."""

    reference: ImageReference = Field(description="the image, best with its digest")
    pull_policy: Literal["Always", "IfNotPresent", "Never"] | None = Field(
        default=None, description="Always, IfNotPresent or Never"
    )


class StorageRequest(ContractModel):
    """How much storage a claim asks for."""

    storage: MemoryQuantity = Field(description="size of the volume, such as 20Gi")


class ClaimResources(ContractModel):
    """What a claim asks for."""

    requests: StorageRequest = Field(description="how much storage is needed")


class ClaimSpec(ContractModel):
    """The claim that is made for each Pod."""

    access_modes: tuple[Literal["ReadWriteOnce", "ReadWriteOncePod", "ReadWriteMany"], ...] = Field(
        default=("ReadWriteOnce",),
        min_length=1,
        max_length=3,
        description="ReadWriteOnce, ReadWriteOncePod, ReadWriteMany",
    )
    storage_class_name: ObjectName | None = Field(
        default=None, description="name of the StorageClass; the cluster's default if absent"
    )
    resources: ClaimResources = Field(description="what the claim asks for")


class ClaimTemplate(ContractModel):
    """What the claim of each Pod is made from."""

    spec: ClaimSpec = Field(description="the claim")


class EphemeralVolume(ContractModel):
    """A claim that is made with each Pod and goes with it."""

    volume_claim_template: ClaimTemplate = Field(description="what the claim is made from")


class ProjectedObject(ContractModel):
    """A ConfigMap or a Secret, one of several in the same folder."""

    name: ObjectName = Field(description="name of the object")
    items: _Items = Field(default=(), description="the keys to show; all if absent")
    optional: bool = Field(default=False, description="whether the object may be missing")


class ProjectionSource(ContractModel):
    """One of the objects in a folder; exactly one of configMap and secret."""

    config_map: ProjectedObject | None = Field(default=None, description="a ConfigMap's keys")
    secret: ProjectedObject | None = Field(default=None, description="a Secret's keys")


class ProjectedVolume(ContractModel):
    """Several ConfigMaps and Secrets in one folder."""

    sources: tuple[ProjectionSource, ...] = Field(
        min_length=1, max_length=8, description="the objects; a service account token is none"
    )
    default_mode: _FileMode | None = Field(default=None, description="permissions of the files")


class VolumeSpec(ContractModel):
    """A volume; exactly one kind."""

    name: Name = Field(description="what volumeMounts call it")
    config_map: ConfigMapVolume | None = Field(default=None, description="a ConfigMap's keys")
    secret: SecretVolume | None = Field(default=None, description="a Secret's keys")
    empty_dir: EmptyDirVolume | None = Field(default=None, description="an empty folder")
    persistent_volume_claim: ClaimVolume | None = Field(
        default=None, description="a claim that is there"
    )
    image: ImageVolume | None = Field(default=None, description="the files of an image")
    ephemeral: EphemeralVolume | None = Field(default=None, description="a claim made for each Pod")
    projected: ProjectedVolume | None = Field(
        default=None, description="several ConfigMaps and Secrets in one folder"
    )


class VolumeMount(ContractModel):
    """Where a volume is seen in the trial's container."""

    name: Name = Field(description="name of the volume")
    mount_path: AbsolutePath = Field(
        description="absolute path; not in /dev, /proc, /sys, /tmp, /scratch, nor in /artefacts "
        "while trial.artefactCache is set"
    )
    read_only: bool = Field(default=False, description="whether the trial may not write")
    sub_path: RelativePath | None = Field(
        default=None, description="path in the volume; its root if absent"
    )
