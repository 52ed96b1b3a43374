"""The objects that trial Pods of a tuning name, and what it means when one is not there.

Only whether an object is there is asked, never what is in it: a key of a Secret that is missing
shows when the first Pod waits for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from deploytune.api.pod_template import EnvVar, PodTemplateSpec
from deploytune.api.pod_volumes import VolumeSpec
from deploytune.api.tuning import TuningSpec
from deploytune.state.preflight.facts import Kind, ObjectKey
from deploytune.state.preflight.findings import Severity

QUEUE_LABEL = "kueue.x-k8s.io/queue-name"
_TEMPLATE = "spec.trial.podTemplate"

REFUSED = "Pods are refused"
"""What a missing object means that admission itself looks for."""


@dataclass(frozen=True)
class Named:
    """An object, the field that names it, and how bad it is when it is missing."""

    key: ObjectKey
    field: str
    missing: Severity = Severity.FAILS
    consequence: str = "the Pod waits for it"


def objects_named(spec: TuningSpec) -> tuple[Named, ...]:
    """Return every object that must be there; those that may be missing are left out."""
    return tuple(_named(spec))


def claims_named(spec: TuningSpec) -> tuple[Named, ...]:
    """Return the claims alone: a Pod waits for one without being given a node."""
    return tuple(one for one in _named(spec) if one.key.kind is Kind.CLAIM)


def _named(spec: TuningSpec) -> Iterator[Named]:
    template = spec.trial.pod_template
    for number, volume in enumerate(template.volumes):
        yield from _of_volume(volume, f"{_TEMPLATE}.volumes[{number}]")
    for number, variable in enumerate(template.env):
        yield from _of_variable(variable, f"{_TEMPLATE}.env[{number}].valueFrom")
    yield from _of_identity(template)
    credentials = spec.workload.credentials
    if credentials is not None:
        key = ObjectKey(Kind.SECRET, credentials.secret_name)
        yield Named(key, "spec.workload.credentials.secretName")
    for number, pool in enumerate(spec.node_pools):
        if pool.runtime_class_name is not None:
            key = ObjectKey(Kind.RUNTIME_CLASS, pool.runtime_class_name)
            where = f"spec.nodePools[{number}].runtimeClassName"
            yield Named(key, where, consequence=REFUSED)


def _of_volume(volume: VolumeSpec, place: str) -> Iterator[Named]:
    yield from _of_files(volume, place)
    if volume.persistent_volume_claim is not None:
        key = ObjectKey(Kind.CLAIM, volume.persistent_volume_claim.claim_name)
        yield Named(key, f"{place}.persistentVolumeClaim.claimName")
    if volume.ephemeral is not None:
        name = volume.ephemeral.volume_claim_template.spec.storage_class_name
        if name is not None:
            where = f"{place}.ephemeral.volumeClaimTemplate.spec.storageClassName"
            yield Named(ObjectKey(Kind.STORAGE_CLASS, name), where)


def _of_files(volume: VolumeSpec, place: str) -> Iterator[Named]:
    """Yield the ConfigMaps and Secrets of a volume, those of a projected one too."""
    config_map, secret = volume.config_map, volume.secret
    if config_map is not None and not config_map.optional:
        yield Named(ObjectKey(Kind.CONFIG_MAP, config_map.name), f"{place}.configMap.name")
    if secret is not None and not secret.optional:
        yield Named(ObjectKey(Kind.SECRET, secret.secret_name), f"{place}.secret.secretName")
    sources = () if volume.projected is None else volume.projected.sources
    for number, source in enumerate(sources):
        for kind, field, one in (
            (Kind.CONFIG_MAP, "configMap", source.config_map),
            (Kind.SECRET, "secret", source.secret),
        ):
            if one is not None and not one.optional:
                where = f"{place}.projected.sources[{number}].{field}.name"
                yield Named(ObjectKey(kind, one.name), where)


def _of_variable(variable: EnvVar, place: str) -> Iterator[Named]:
    if variable.value_from is None:
        return
    for kind, field, one in (
        (Kind.SECRET, "secretKeyRef", variable.value_from.secret_key_ref),
        (Kind.CONFIG_MAP, "configMapKeyRef", variable.value_from.config_map_key_ref),
    ):
        if one is not None and not one.optional:
            yield Named(ObjectKey(kind, one.name), f"{place}.{field}.name")


def _of_identity(template: PodTemplateSpec) -> Iterable[Named]:
    for number, secret in enumerate(template.image_pull_secrets):
        yield Named(
            ObjectKey(Kind.SECRET, secret.name),
            f"{_TEMPLATE}.imagePullSecrets[{number}].name",
            missing=Severity.WARNING,
            consequence="the image is pulled without it",
        )
    if template.priority_class_name is not None:
        key = ObjectKey(Kind.PRIORITY_CLASS, template.priority_class_name)
        yield Named(key, f"{_TEMPLATE}.priorityClassName", consequence=REFUSED)
    if QUEUE_LABEL in template.labels:
        yield Named(
            ObjectKey(Kind.LOCAL_QUEUE, template.labels[QUEUE_LABEL]),
            f"{_TEMPLATE}.labels[{QUEUE_LABEL}]",
            consequence="Kueue admits no Pod",
        )
