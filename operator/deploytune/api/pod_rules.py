"""Rules across the fields of pools and Pod templates: as Kubernetes has them, and what is ours.

deploytune's own labels, variables, volumes and mounts cannot be taken; what Kubernetes would refuse
in a Pod is refused in the tuning, where it can still be mended.
"""

from __future__ import annotations

import re

from deploytune.api.field_rules import Rule, Rules, exactly_one_of
from deploytune.api.pod_template import (
    LABEL_KEY_PATTERN,
    QUALIFIED_NAME_PATTERN,
    EnvVar,
    EnvVarSource,
    PodTemplateSpec,
    Toleration,
)
from deploytune.api.pod_volumes import ProjectionSource, VolumeMount, VolumeSpec
from deploytune.api.tuning import NodePoolSpec, ResourcesSpec, TrialSpec

_RESERVED_ROOTS = ("/dev", "/proc", "/sys", "/tmp", "/scratch")  # noqa: S108 - of the container
_CACHE_ROOT = "/artefacts"
_OWN_VOLUMES = "deploytune-"
_OWN_VARIABLES = "DEPLOYTUNE_"

_RESERVED_KEY = re.compile(
    r"^([^/]*[.])?(deploytune[.]dev|kubernetes[.]io|k8s[.]io|karpenter[.]sh)/"
)
_FREE_LABELS = tuple(
    f"app.kubernetes.io/{name}" for name in ("name", "instance", "version", "part-of")
)


def _is_reserved(key: str) -> bool:
    return _RESERVED_KEY.search(key) is not None


def _quoted(words: tuple[str, ...]) -> str:
    return ", ".join(f"'{word}'" for word in words)


def _lies_in(path: str, root: str) -> bool:
    return path == root or path.startswith(f"{root}/")


def _has_volume_for_cache(trial: TrialSpec) -> bool:
    if trial.artefact_cache is None:
        return True
    claims = {volume.name: volume.persistent_volume_claim for volume in trial.pod_template.volumes}
    claim = claims.get(trial.artefact_cache.volume)
    return claim is not None and not claim.read_only


def _leaves_place_for_cache(trial: TrialSpec) -> bool:
    mounts = trial.pod_template.volume_mounts
    return trial.artefact_cache is None or not any(
        _lies_in(mount.mount_path, _CACHE_ROOT) for mount in mounts
    )


def _keys_match(field: str, words: str, pattern: str) -> Rule:
    """Return the rule of a map's keys, which no schema can say; Python's types keep it."""
    return Rule(
        field, words, f"!has(self.{field}) || self.{field}.all(key, key.matches('{pattern}'))"
    )


def _keys_are_labels(field: str) -> Rule:
    return _keys_match(
        field, "must be the key of a label, such as example.com/team", LABEL_KEY_PATTERN
    )


POD_RULES: Rules = {
    ResourcesSpec: (
        _keys_match(
            "accelerators",
            "must name an extended resource, such as nvidia.com/gpu",
            QUALIFIED_NAME_PATTERN,
        ),
        Rule(
            "accelerators",
            "may not name resources of kubernetes.io",
            "!has(self.accelerators) || "
            "!self.accelerators.exists(key, key.contains('kubernetes.io/'))",
            lambda resources: not any("kubernetes.io/" in key for key in resources.accelerators),
        ),
    ),
    NodePoolSpec: (_keys_are_labels("nodeSelector"),),
    Toleration: (
        Rule(
            "operator",
            "must be Exists when key is not set",
            "has(self.key) || self.operator == 'Exists'",
            lambda toleration: toleration.key is not None or toleration.operator == "Exists",
        ),
        Rule(
            "value",
            "may not be set when operator is Exists",
            "self.operator != 'Exists' || !has(self.value) || self.value == ''",
            lambda toleration: toleration.operator != "Exists" or not toleration.value,
        ),
        Rule(
            "tolerationSeconds",
            "may be set only when effect is NoExecute",
            "!has(self.tolerationSeconds) || (has(self.effect) && self.effect == 'NoExecute')",
            lambda toleration: (
                toleration.toleration_seconds is None or toleration.effect == "NoExecute"
            ),
        ),
    ),
    PodTemplateSpec: (
        _keys_are_labels("labels"),
        _keys_are_labels("annotations"),
        Rule(
            "labels",
            "may not have keys of deploytune.dev, kubernetes.io, k8s.io or karpenter.sh, but for "
            f"{', '.join(_FREE_LABELS)}",
            f"!self.labels.exists(key, key.matches('{_RESERVED_KEY.pattern}') && "
            f"!(key in [{_quoted(_FREE_LABELS)}]))",
            lambda template: (
                not any(_is_reserved(key) and key not in _FREE_LABELS for key in template.labels)
            ),
        ),
        Rule(
            "annotations",
            "may not have keys of deploytune.dev, kubernetes.io, k8s.io or karpenter.sh",
            f"!self.annotations.exists(key, key.matches('{_RESERVED_KEY.pattern}'))",
            lambda template: not any(map(_is_reserved, template.annotations)),
        ),
        Rule(
            "volumeMounts",
            "must name volumes of the Pod template",
            "self.volumeMounts.all(m, self.volumes.exists(v, v.name == m.name))",
            lambda template: (
                {mount.name for mount in template.volume_mounts}
                <= {volume.name for volume in template.volumes}
            ),
        ),
    ),
    TrialSpec: (
        Rule(
            "artefactCache",
            "must name a volume of podTemplate that is a persistentVolumeClaim, not readOnly",
            "!has(self.artefactCache) || self.podTemplate.volumes.exists(v, "
            "v.name == self.artefactCache.volume && has(v.persistentVolumeClaim) && "
            "!v.persistentVolumeClaim.readOnly)",
            _has_volume_for_cache,
        ),
        Rule(
            "artefactCache",
            f"may not be set when a volumeMount of podTemplate lies in {_CACHE_ROOT}",
            "!has(self.artefactCache) || !self.podTemplate.volumeMounts.exists(m, "
            f"m.mountPath == '{_CACHE_ROOT}' || m.mountPath.startsWith('{_CACHE_ROOT}/'))",
            _leaves_place_for_cache,
        ),
    ),
    VolumeSpec: (
        exactly_one_of(
            "configMap",
            "secret",
            "emptyDir",
            "persistentVolumeClaim",
            "image",
            "ephemeral",
            "projected",
        ),
        Rule(
            "name",
            f"may not begin with {_OWN_VOLUMES}",
            f"!self.name.startsWith('{_OWN_VOLUMES}')",
            lambda volume: not volume.name.startswith(_OWN_VOLUMES),
        ),
    ),
    ProjectionSource: (exactly_one_of("configMap", "secret"),),
    VolumeMount: (
        Rule(
            "mountPath",
            f"may not lie in {', '.join(_RESERVED_ROOTS)}",
            f"![{_quoted(_RESERVED_ROOTS)}].exists(root, "
            "self.mountPath == root || self.mountPath.startsWith(root + '/'))",
            lambda mount: not any(_lies_in(mount.mount_path, root) for root in _RESERVED_ROOTS),
        ),
    ),
    EnvVar: (
        Rule(
            "name",
            f"may not begin with {_OWN_VARIABLES}",
            f"!self.name.startsWith('{_OWN_VARIABLES}')",
            lambda variable: not variable.name.startswith(_OWN_VARIABLES),
        ),
        Rule(
            "",
            "value and valueFrom may not both be set",
            "!has(self.value) || !has(self.valueFrom)",
            lambda variable: variable.value is None or variable.value_from is None,
        ),
    ),
    EnvVarSource: (exactly_one_of("secretKeyRef", "configMapKeyRef"),),
}
"""Every rule of what Pods carry and where they run."""
