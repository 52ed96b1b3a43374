"""For every rule of changes one that it refuses and one that it accepts, and what may be mended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from api_builders import Document, a_cluster_document, a_trial_document, edited
from rule_cases import POOL, TEMPLATE, Key

from deploytune.api.pod_template import PodTemplateSpec
from deploytune.api.trial import TrialSpecRecord
from deploytune.api.tuning import DeploymentTuning, NodePoolSpec, TrialSpec, TuningSpec


@dataclass(frozen=True)
class Change:
    """A change that a rule refuses and one that it accepts, of an object with that status."""

    before: Document
    refused: Document
    accepted: Document
    status: Mapping[str, Any] = field(default_factory=dict)
    accepted_status: Mapping[str, Any] = field(default_factory=dict)


CHANGES: dict[Key, Change] = {}

IMMUTABLE = "is immutable"
BEFORE = a_cluster_document()
MENDED = edited("spec.suspend", value=True, document=BEFORE)
FINISHED = {
    "conditions": [
        {
            "type": "Finished",
            "status": "True",
            "reason": "BudgetExhausted",
            "message": "",
            "lastTransitionTime": "2026-01-01T00:00:00Z",
        }
    ]
}


def change(model: type, name: str, path: str, value: Any, words: str = IMMUTABLE) -> None:
    """A change that is refused whatever the status; another of the same object is accepted."""
    refused = edited(path, value, BEFORE)
    CHANGES[model, name, words] = Change(BEFORE, refused, MENDED)


def late_change(words: str, path: str, value: Any, late: Document, early: Document) -> None:
    """A change that one status refuses and another accepts."""
    changed = edited(path, value, BEFORE)
    CHANGES[DeploymentTuning, "", words] = Change(BEFORE, changed, changed, late, early)


late_change(
    "spec.budget may not change once the tuning is finished",
    "spec.budget.maxTrials",
    30,
    late=FINISHED,
    early={"trials": 3},
)
late_change(
    "spec.trial.image may not change once a trial has been charged to the budget",
    "spec.trial.image",
    "registry.example.com/trial:2",
    late={"outcomes": {"Infrastructure": 1, "Crashed": 1}},
    early={"outcomes": {"Infrastructure": 1, "Misconfigured": 1}},
)
STOPPED = edited("spec.stop", value=True, document=BEFORE)
CHANGES[TuningSpec, "stop", "may not be taken back"] = Change(
    STOPPED, refused=BEFORE, accepted=STOPPED
)
change(TuningSpec, "objectives", "spec.objectives[0].direction", "Minimize")
change(TuningSpec, "constraints", "spec.constraints[0].max", 21)
change(TuningSpec, "searchSpace", "spec.searchSpace.parameters[1].max", 5)
change(TuningSpec, "algorithm", "spec.algorithm", {"name": "Random"})
change(TuningSpec, "workload", "spec.workload.requestBatch", 2)
REVERSED = list(reversed(BEFORE["spec"]["nodePools"]))
change(TuningSpec, "nodePools", "spec.nodePools", REVERSED, "must keep its pools and their order")
change(NodePoolSpec, "resources", f"{POOL}.resources.cpu", "3")
change(NodePoolSpec, "placement", f"{POOL}.placement", "Packed")
change(NodePoolSpec, "allowSharedDevices", f"{POOL}.allowSharedDevices", value=True)
change(NodePoolSpec, "runtimeClassName", f"{POOL}.runtimeClassName", "nvidia")
change(NodePoolSpec, "maxParallelTrials", f"{POOL}.maxParallelTrials", 3)
change(TrialSpec, "imagePullPolicy", "spec.trial.imagePullPolicy", "Always")
change(TrialSpec, "latencyAbortFactor", "spec.trial.latencyAbortFactor", 6)
change(TrialSpec, "artefactCache", "spec.trial.artefactCache", {"volume": "builds"})
change(PodTemplateSpec, "labels", f"{TEMPLATE}.labels", {"team": "b"})
change(PodTemplateSpec, "annotations", f"{TEMPLATE}.annotations", {"example.com/a": "b"})
change(PodTemplateSpec, "volumes", f"{TEMPLATE}.volumes[0].configMap.name", "others")
change(PodTemplateSpec, "volumeMounts", f"{TEMPLATE}.volumeMounts[0].mountPath", "/elsewhere")
change(PodTemplateSpec, "env", f"{TEMPLATE}.env", [])
change(PodTemplateSpec, "runAsUser", f"{TEMPLATE}.runAsUser", 1000)
change(PodTemplateSpec, "fsGroup", f"{TEMPLATE}.fsGroup", 1000)
CHANGES[TrialSpecRecord, "", IMMUTABLE] = Change(
    before=a_trial_document(),
    refused=edited("spec.index", 4, a_trial_document()),
    accepted=edited("metadata.labels", {"a": "b"}, a_trial_document()),
)

MUTABLE: Mapping[str, Any] = {
    "spec.suspend": True,
    "spec.stop": True,
    "spec.parallelTrials": 4,
    "spec.budget.maxTrials": 30,
    "spec.budget.maxDurationSeconds": 3600,
    "spec.budget.maxAcceleratorSeconds": 3600,
    "spec.budget.confirmations": 5,
    "spec.ttlSecondsAfterFinished": 60,
    "spec.trial.podRetention": "Always",
    "spec.trial.startDeadlineSeconds": 60,
    "spec.trial.runDeadlineSeconds": 60,
    "spec.trial.stageDeadlinesSeconds": {"measure": 60},
    "spec.trial.pullAllowanceSeconds": 60,
    "spec.trial.infraRetries": 1,
    "spec.nodePools[1].nodeSelector": {"example.com/gpu-pool": "c"},
    "spec.nodePools[1].tolerations": [],
    "spec.trial.podTemplate.imagePullSecrets": [{"name": "other"}],
    "spec.trial.podTemplate.priorityClassName": "high",
    "spec.trial.image": "registry.example.com/trial:2",
}
"""What a user must be able to mend, as DESIGN names it, each with another value."""
