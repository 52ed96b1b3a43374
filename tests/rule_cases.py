"""For every rule of a document alone one that breaks it and one beside it that does not.

The unit tests break them in Python, the cluster tests at the API server: a rule without a case
fails both. Rules of changes are in `change_cases.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from api_builders import Document, a_cluster_document, edited, without_nothing

from deploytune.api.cross_field import RULES
from deploytune.api.field_rules import Rule
from deploytune.api.pod_template import EnvVar, EnvVarSource, PodTemplateSpec, Toleration
from deploytune.api.pod_volumes import ProjectionSource, VolumeMount, VolumeSpec
from deploytune.api.tuning import (
    AlgorithmSpec,
    ConstraintSpec,
    DeploymentTuning,
    NodePoolSpec,
    ParameterSpec,
    ResourcesSpec,
    TrialSpec,
    TuningSpec,
)
from deploytune.contract.workload import LoadProfile

Key = tuple[type, str, str]
"""A rule: its model, its field and its words."""

LABEL_KEY = "must be the key of a label, such as example.com/team"
WHOLE = "must be a whole number when type is Integer"
NOT_WHEN = "may not be set when type is {type}"
POOL = "spec.nodePools[0]"
TEMPLATE = "spec.trial.podTemplate"
EMPTY: Document = {"emptyDir": {}}


def key_name(key: Key) -> str:
    """Return a rule as the name of a test."""
    return f"{key[0].__name__} {key[1]} {key[2]}".replace("{", "").replace("}", "")


def is_about_a_change(rule: Rule) -> bool:
    """Tell whether a rule compares with what was there before."""
    return "oldSelf" in rule.cel


def keys_of_rules(*, of_changes: bool) -> set[Key]:
    """Return the rules that look at a document alone, or those of changes."""
    return {
        (model, rule.field, rule.words)
        for model, rules in RULES.items()
        for rule in rules
        if is_about_a_change(rule) is of_changes
    }


def rule_of(key: Key) -> Rule:
    """Return the rule that a key names."""
    model, name, words = key
    return next(rule for rule in RULES[model] if (rule.field, rule.words) == (name, words))


@dataclass(frozen=True)
class Case:
    """A document that a rule refuses, and one like it that it accepts."""

    refused: Document
    accepted: Document


CASES: dict[Key, Case] = {}


def case(model: type, name: str, words: str, path: str, *, bad: Any, good: Any) -> None:
    refused, accepted = (
        without_nothing(edited(path, value, a_cluster_document())) for value in (bad, good)
    )
    CASES[model, name, words] = Case(refused, accepted)


def parameter(name: str, words: str, bad: Mapping[str, Any], good: Mapping[str, Any]) -> None:
    shared = {"name": "x", "type": "Integer", "min": 1, "max": 4}
    case(
        ParameterSpec,
        name,
        words,
        "spec.searchSpace.parameters[4]",
        bad={**shared, **bad},
        good={**shared, **good},
    )


CHOICE = {"type": "Categorical", "values": ["a"], "min": None, "max": None}
FLOAT = {"type": "Float", "min": 0.5, "max": 4.5, "step": 0.5}
parameter("min", "must be set when type is {type}", {"min": None}, {})
parameter("max", "must be set when type is {type}", {"max": None}, {})
parameter("min", NOT_WHEN, {**CHOICE, "min": 1}, CHOICE)
parameter("max", NOT_WHEN, {**CHOICE, "max": 1}, CHOICE)
parameter("step", NOT_WHEN, {**CHOICE, "step": 1}, {"step": 1})
parameter("scale", NOT_WHEN, {**CHOICE, "scale": "Log"}, {"scale": "Log"})
parameter("min", WHOLE, {"min": 0.5}, FLOAT)
parameter("max", WHOLE, {"max": 4.5}, FLOAT)
parameter("step", WHOLE, {"step": 0.5}, FLOAT)
parameter("min", "must be less than or equal to max = {max}", {"min": 5}, {"min": 4})
parameter("min", "must be greater than 0 when scale is Log", {"min": 0, "scale": "Log"}, {"min": 0})
parameter("step", "may not be set when scale is Log", {"step": 1, "scale": "Log"}, {"step": 1})

case(
    ConstraintSpec,
    "",
    "exactly one of max and min must be set",
    "spec.constraints[0]",
    bad={"metric": "output_drift"},
    good={"metric": "output_drift", "max": 1},
)
case(
    TuningSpec,
    "parallelTrials",
    "must be less than or equal to budget.maxTrials = {budget.maxTrials}",
    "spec.parallelTrials",
    bad=21,
    good=20,
)
NAMED_POOL: Document = {
    **a_cluster_document()["spec"],
    "searchSpace": {"parameters": [{"name": "pool", "type": "Integer", "min": 1, "max": 2}]},
}
case(
    TuningSpec,
    "searchSpace",
    "may not have a parameter named pool when there are several pools",
    "spec",
    bad={**NAMED_POOL, "nodePools": [{"name": "a"}, {"name": "b"}]},
    good={**NAMED_POOL, "nodePools": [{"name": "a"}]},
)
case(
    DeploymentTuning,
    "",
    "metadata.name must have at most 50 characters, none of them a dot",
    "metadata.name",
    bad="a.b",
    good="a" * 50,
)

ALGORITHM = "spec.algorithm"
OPTUNA = {"name": "Optuna", "sampler": "TPESampler"}
PAPER = {"name": "TBA", "preset": "Paper"}
OTHERS = "may not be set when name is {name}"
for name, said, bad, good in (
    ("preset", OTHERS, {"name": "Grid", "preset": "Paper"}, PAPER),
    ("sampler", OTHERS, {"name": "Grid", "sampler": "TPESampler"}, OPTUNA),
    ("sampler", "must be set when name is Optuna", {"name": "Optuna"}, OPTUNA),
):
    case(AlgorithmSpec, name, said, ALGORITHM, bad=bad, good=good)

MAX_RATE: Document = {"name": "x", "type": "MaxRate", "ratePerSecond": 1}
POISSON: Document = {"name": "x", "type": "Poisson", "ratePerSecond": 1}
CLOSED: Document = {"name": "x", "type": "ClosedLoop", "concurrency": 1}
for said, load, named, given in (
    ("ratePerSecond must be set when type is {type}", POISSON, "ratePerSecond", None),
    ("concurrency may not be set when type is {type}", POISSON, "concurrency", 1),
    ("ratePerSecond must be set when type is {type}", MAX_RATE, "ratePerSecond", None),
    ("concurrency may not be set when type is {type}", MAX_RATE, "concurrency", 1),
    ("concurrency must be set when type is {type}", CLOSED, "concurrency", None),
    ("ratePerSecond may not be set when type is {type}", CLOSED, "ratePerSecond", 1),
):
    case(LoadProfile, "", said, "spec.workload.loads[2]", bad={**load, named: given}, good=load)

for said, unnamed, extended in (
    (
        "must name an extended resource, such as nvidia.com/gpu",
        {"gpu": 1},
        {"nvidia.com/mig-1g.5gb": 1},
    ),
    (
        "may not name resources of kubernetes.io",
        {"kubernetes.io/batch-cpu": 1},
        {"amd.com/gpu": 8},
    ),
):
    place = f"{POOL}.resources.accelerators"
    case(ResourcesSpec, "accelerators", said, place, bad=unnamed, good=extended)
case(
    NodePoolSpec,
    "nodeSelector",
    LABEL_KEY,
    f"{POOL}.nodeSelector",
    bad={"a pool": "a"},
    good={"cloud.google.com/gke-accelerator": "nvidia-l4", "kubernetes.io/arch": "amd64"},
)
TOLERATIONS: tuple[tuple[str, str, Document, Document], ...] = (
    (
        "operator",
        "must be Exists when key is not set",
        {"operator": "Equal", "value": "a"},
        {"operator": "Exists"},
    ),
    (
        "value",
        "may not be set when operator is Exists",
        {"key": "a", "operator": "Exists", "value": "b"},
        {"key": "a", "operator": "Equal", "value": "b", "effect": "NoSchedule"},
    ),
    (
        "tolerationSeconds",
        "may be set only when effect is NoExecute",
        {"key": "a", "operator": "Exists", "tolerationSeconds": 5},
        {"key": "a", "operator": "Exists", "tolerationSeconds": 5, "effect": "NoExecute"},
    ),
)
for name, said, unlike, alike in TOLERATIONS:
    case(Toleration, name, said, f"{POOL}.tolerations", bad=[unlike], good=[alike])

FREE = "app.kubernetes.io/name, app.kubernetes.io/instance, app.kubernetes.io/version"
RESERVED = "may not have keys of deploytune.dev, kubernetes.io, k8s.io or karpenter.sh"
for name, said, taken, own in (
    ("labels", LABEL_KEY, {"-a": "b"}, {"kueue.x-k8s.io/queue-name": "gpus", "team": "a"}),
    (
        "labels",
        f"{RESERVED}, but for {FREE}, app.kubernetes.io/part-of",
        {"app.kubernetes.io/managed-by": "me"},
        {"app.kubernetes.io/part-of": "shop"},
    ),
    ("annotations", LABEL_KEY, {"a/b/c": "d"}, {"example.com/why": "any text: {}"}),
    (
        "annotations",
        RESERVED,
        {"container.apparmor.security.beta.kubernetes.io/trial": "unconfined"},
        {"sidecar.istio.io/inject": "false"},
    ),
):
    case(PodTemplateSpec, name, said, f"{TEMPLATE}.{name}", bad=taken, good=own)

A_MOUNT = {"name": "models", "mountPath": "/workload"}
KINDS = "configMap, secret, emptyDir, persistentVolumeClaim, image, ephemeral"
FROM_MAP = {"configMap": {"name": "a"}}
SHARED_MEMORY = {"name": "a", "mountPath": "/dev/shm"}
OWN_FOLDER = {"name": "a", "mountPath": "/devices"}
AN_EMPTY = [{"name": "a", **EMPTY}]
TEMPLATES: tuple[tuple[type, str, str, Document, Document], ...] = (
    (
        PodTemplateSpec,
        "volumeMounts",
        "must name volumes of the Pod template",
        {"volumeMounts": [A_MOUNT]},
        {"volumeMounts": [A_MOUNT], "volumes": [{"name": "models", **EMPTY}]},
    ),
    (
        VolumeSpec,
        "",
        f"exactly one of {KINDS} and projected must be set",
        {"volumes": [{"name": "a", **EMPTY, **FROM_MAP}]},
        {"volumes": [{"name": "a", **FROM_MAP}]},
    ),
    (
        VolumeSpec,
        "name",
        "may not begin with deploytune-",
        {"volumes": [{"name": "deploytune-tmp", **EMPTY}]},
        {"volumes": [{"name": "my-deploytune-tmp", **EMPTY}]},
    ),
    (
        ProjectionSource,
        "",
        "exactly one of configMap and secret must be set",
        {"volumes": [{"name": "a", "projected": {"sources": [{}]}}]},
        {"volumes": [{"name": "a", "projected": {"sources": [FROM_MAP]}}]},
    ),
    (
        VolumeMount,
        "mountPath",
        "may not lie in /dev, /proc, /sys, /tmp, /scratch",
        {"volumes": AN_EMPTY, "volumeMounts": [SHARED_MEMORY]},
        {"volumes": AN_EMPTY, "volumeMounts": [OWN_FOLDER]},
    ),
)
for model, name, said, bad, good in TEMPLATES:
    case(model, name, said, TEMPLATE, bad=bad, good=good)

A_CLAIM = {"name": "builds", "persistentVolumeClaim": {"claimName": "builds"}}
READ_ONLY = {"name": "builds", "persistentVolumeClaim": {"claimName": "b", "readOnly": True}}
case(
    TrialSpec,
    "artefactCache",
    "must name a volume of podTemplate that is a persistentVolumeClaim, not readOnly",
    "spec.trial",
    bad={"artefactCache": {"volume": "builds"}, "podTemplate": {"volumes": [READ_ONLY]}},
    good={"artefactCache": {"volume": "builds"}, "podTemplate": {"volumes": [A_CLAIM]}},
)

IN_CACHE = {"name": "a", "mountPath": "/artefacts/mine"}
case(
    TrialSpec,
    "artefactCache",
    "may not be set when a volumeMount of podTemplate lies in /artefacts",
    "spec.trial",
    bad={
        "artefactCache": {"volume": "builds"},
        "podTemplate": {"volumes": [A_CLAIM, *AN_EMPTY], "volumeMounts": [IN_CACHE]},
    },
    good={"podTemplate": {"volumes": AN_EMPTY, "volumeMounts": [IN_CACHE]}},
)

FROM_SECRET = {"secretKeyRef": {"name": "a", "key": "b"}}
VARIABLES: tuple[tuple[type, str, str, Document, Document], ...] = (
    (
        EnvVar,
        "name",
        "may not begin with DEPLOYTUNE_",
        {"name": "DEPLOYTUNE_TRIAL", "value": "{}"},
        {"name": "MY_DEPLOYTUNE_TRIAL", "value": "{}"},
    ),
    (
        EnvVar,
        "",
        "value and valueFrom may not both be set",
        {"name": "A", "value": "a", "valueFrom": FROM_SECRET},
        {"name": "A", "valueFrom": FROM_SECRET},
    ),
    (
        EnvVarSource,
        "",
        "exactly one of secretKeyRef and configMapKeyRef must be set",
        {"name": "A", "valueFrom": {}},
        {"name": "A", "valueFrom": {"configMapKeyRef": {"name": "a", "key": "b"}}},
    ),
)
for model, name, said, bad, good in VARIABLES:
    case(model, name, said, f"{TEMPLATE}.env", bad=[bad], good=[good])
