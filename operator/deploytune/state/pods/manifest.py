"""The Pod of one attempt, whole, from its tuning and its trial.

Whatever the tuning's Pod template says, the Pod keeps Pod Security `restricted`, has no token of a
service account, is of the quality of service Guaranteed, and carries the finalizer that keeps it
until its result is on record. What is ours stands last, so that nothing overrides it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from deploytune.api.artefact_cache import ArtefactCacheSpec, size_limit_bytes
from deploytune.api.pod_template import PodTemplateSpec
from deploytune.api.trial import TuningTrial
from deploytune.api.tuning import (
    API_VERSION,
    DeploymentTuning,
    NodePoolSpec,
    ResourcesSpec,
    TrialSpec,
)
from deploytune.contract.codec import encode_request
from deploytune.contract.models import ContractModel
from deploytune.contract.outcomes import Cause
from deploytune.contract.request import (
    ARTEFACT_CACHE_BYTES_VARIABLE,
    ARTEFACT_CACHE_VARIABLE,
    REQUEST_VARIABLE,
    SCRATCH_VARIABLE,
    TrialRequest,
)
from deploytune.state.pods.images import image_of
from deploytune.state.pods.labels import (
    CONTAINER,
    RESULT_FINALIZER,
    TEMPLATE,
    pod_labels,
    pod_name,
)
from deploytune.state.pods.placement import placement_of
from deploytune.state.pods.template import template_digest

GRACE_SECONDS = 15
"""From SIGTERM to SIGKILL: enough for a trial to write its report and end Triton."""

DEADLINE_MARGIN_SECONDS = 60
"""What a Pod's deadline allows for its sandbox, its volumes and its end."""

SCRATCH = "/scratch"
ARTEFACTS = "/artefacts"
_CACHE_FOLDER = "deploytune-artefacts"
"""In the volume, which may hold other things too."""

_UNDISTURBED = {
    "karpenter.sh/do-not-disrupt": "true",
    "cluster-autoscaler.kubernetes.io/safe-to-evict": "false",
}
_LOG_CONTAINER = {"kubectl.kubernetes.io/default-container": CONTAINER}
_FOLDERS = {"deploytune-tmp": "/tmp", "deploytune-scratch": SCRATCH}  # noqa: S108 - the Pod's own
_SHARED_MEMORY = "deploytune-shm"


@dataclass(frozen=True)
class PodOptions:
    """What the operator's own settings add: the image of tunings that name none."""

    default_image: str


def build_pod(
    tuning: DeploymentTuning, trial: TuningTrial, request: TrialRequest, options: PodOptions
) -> dict[str, Any]:
    """Return the Pod of one attempt as the API server takes it."""
    template = tuning.spec.trial.pod_template
    pool = next(pool for pool in tuning.spec.node_pools if pool.name == trial.spec.pool)
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": pod_name(request),
            "namespace": tuning.metadata.namespace,
            "labels": {**template.labels, **pod_labels(trial, request)},
            "annotations": {
                **template.annotations,
                **_UNDISTURBED,
                **_LOG_CONTAINER,
                TEMPLATE: template_digest(tuning, pool.name),
            },
            "ownerReferences": [_owner(trial)],
            "finalizers": [RESULT_FINALIZER],
        },
        "spec": {
            **_life(tuning),
            **placement_of(pool, _faulty_nodes(trial)),
            **identity_of(template),
            "volumes": volumes_of(template, pool.resources),
            "containers": [build_container(tuning, pool, request, options.default_image)],
        },
    }


def _faulty_nodes(trial: TuningTrial) -> Sequence[str]:
    """Return the nodes on which a device has failed an earlier attempt, each once."""
    faults = (one.node for one in trial.status.attempts if one.cause is Cause.HARDWARE_FAULT)
    return tuple(dict.fromkeys(node for node in faults if node is not None))


def _owner(trial: TuningTrial) -> dict[str, Any]:
    assert trial.metadata.uid is not None  # a Pod is made for a trial that is on record
    return {
        "apiVersion": API_VERSION,
        "kind": trial.kind,
        "name": trial.metadata.name,
        "uid": trial.metadata.uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }


def longest_seconds(trial: TrialSpec) -> int:
    """Return for how long a Pod may hold its node: its deadline, and the time to end."""
    return _deadline_seconds(trial) + GRACE_SECONDS


def _deadline_seconds(trial: TrialSpec) -> int:
    run_seconds = math.ceil(trial.run_deadline_seconds)
    return run_seconds + trial.pull_allowance_seconds + DEADLINE_MARGIN_SECONDS


def _life(tuning: DeploymentTuning) -> dict[str, Any]:
    """Return how long a Pod may live; the trial's own watchdog comes before its deadline."""
    return {
        "restartPolicy": "Never",
        "activeDeadlineSeconds": _deadline_seconds(tuning.spec.trial),
        "terminationGracePeriodSeconds": GRACE_SECONDS,
    }


def identity_of(template: PodTemplateSpec) -> dict[str, Any]:
    """Return as whom the Pod runs and what it may ask the cluster for: nothing."""
    security: dict[str, Any] = {
        "runAsNonRoot": True,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    if template.run_as_user is not None:
        security["runAsUser"] = template.run_as_user
    if template.fs_group is not None:
        security |= {"fsGroup": template.fs_group, "fsGroupChangePolicy": "OnRootMismatch"}
    priority = template.priority_class_name
    return {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": security,
        "imagePullSecrets": _dumped(template.image_pull_secrets),
        **({"priorityClassName": priority} if priority else {}),
    }


def build_container(
    tuning: DeploymentTuning, pool: NodePoolSpec, request: TrialRequest, default_image: str
) -> dict[str, Any]:
    """Return the container in which a trial of the pool runs a request."""
    template = tuning.spec.trial.pod_template
    cache = tuning.spec.trial.artefact_cache
    amounts = amounts_of(pool.resources)
    return {
        "name": CONTAINER,
        "image": image_of(tuning, default_image),
        "imagePullPolicy": tuning.spec.trial.image_pull_policy,
        "env": [
            *_dumped(template.env),
            {"name": SCRATCH_VARIABLE, "value": SCRATCH},
            *_cache_variables(cache),
            {"name": REQUEST_VARIABLE, "value": _literal(encode_request(request))},
        ],
        **_credentials(tuning),
        "resources": {"requests": amounts, "limits": amounts},
        "volumeMounts": [
            *_dumped(template.volume_mounts),
            *own_mounts(),
            *([{"name": cache.volume, "mountPath": ARTEFACTS}] if cache else ()),
        ],
        "terminationMessagePolicy": "File",
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        },
    }


def _cache_variables(cache: ArtefactCacheSpec | None) -> list[dict[str, str]]:
    if cache is None:
        return []
    return [
        {"name": ARTEFACT_CACHE_VARIABLE, "value": f"{ARTEFACTS}/{_CACHE_FOLDER}"},
        {"name": ARTEFACT_CACHE_BYTES_VARIABLE, "value": str(size_limit_bytes(cache))},
    ]


def _credentials(tuning: DeploymentTuning) -> dict[str, Any]:
    """Return where the variables that open sources come from; the Pod's own go before them."""
    credentials = tuning.spec.workload.credentials
    if credentials is None:
        return {}
    return {"envFrom": [{"secretRef": {"name": credentials.secret_name}}]}


def amounts_of(resources: ResourcesSpec) -> dict[str, str]:
    """Return what one Pod asks for, and is held to, by resource."""
    named = {
        "cpu": resources.cpu,
        "memory": resources.memory,
        "ephemeral-storage": resources.ephemeral_storage,
    }
    return {
        **{name: amount for name, amount in named.items() if amount is not None},
        **{name: str(count) for name, count in resources.accelerators.items()},
    }


def volumes_of(template: PodTemplateSpec, resources: ResourcesSpec) -> list[dict[str, Any]]:
    """Return the template's volumes and the folders that may be written to.

    Shared memory may grow to the trial's memory, which it counts to: beyond it the kernel ends the
    trial as out of memory, where a smaller limit would end Triton with a bus error.
    """
    limit = {"sizeLimit": resources.memory} if resources.memory else {}
    return [
        *_dumped(template.volumes),
        *({"name": name, "emptyDir": {}} for name in _FOLDERS),
        {"name": _SHARED_MEMORY, "emptyDir": {"medium": "Memory", **limit}},
    ]


def own_mounts() -> list[dict[str, str]]:
    """Return where the folders are mounted that may be written to."""
    places = {**_FOLDERS, _SHARED_MEMORY: "/dev/shm"}  # noqa: S108 - the Pod's own
    return [{"name": name, "mountPath": path} for name, path in places.items()]


def _literal(text: str) -> str:
    """Return a variable's value so that Kubernetes puts no other variable into it."""
    return text.replace("$", "$$")


def _dumped(items: Sequence[ContractModel]) -> list[dict[str, Any]]:
    return [item.model_dump(mode="json", by_alias=True, exclude_none=True) for item in items]
