"""Tunings as plain data, as YAML gives them, and edits of them by their path in YAML words."""

from __future__ import annotations

import copy
import re
from typing import Any

import yaml

from deploytune.api.reading import parse_tuning
from deploytune.api.tuning import DeploymentTuning

Document = dict[str, Any]

_STEP = re.compile(r"([^.\[\]]+)|\[(\d+)\]")


def a_parameter(name: str, values: list[Any], **more: Any) -> Document:
    return {"name": name, "type": "Categorical", "values": values, **more}


def a_document() -> Document:
    """A tuning that keeps every rule, of the stock trial too."""
    return {
        "apiVersion": "deploytune.dev/v1alpha1",
        "kind": "DeploymentTuning",
        "metadata": {"name": "digits"},
        "spec": {
            "objectives": [{"metric": "throughput", "load": "full", "direction": "Maximize"}],
            "constraints": [
                {"metric": "latency_p95_ms", "load": "steady", "max": 20},
                {"metric": "accuracy", "min": 0.9},
            ],
            "searchSpace": {
                "parameters": [
                    a_parameter("backend", ["onnxruntime"], default="onnxruntime"),
                    {
                        "name": "intraOpThreads",
                        "type": "Integer",
                        "min": 1,
                        "max": 4,
                        "default": 2,
                    },
                    a_parameter("maxBatchSize", [1, 8, 32], default=1),
                    a_parameter(
                        "maxQueueDelayMicroseconds", [0, 500], when={"maxBatchSize": [8, 32]}
                    ),
                ],
                "exclude": [{"intraOpThreads": 4, "maxBatchSize": 32}],
                "initial": [{"backend": "onnxruntime", "intraOpThreads": 1, "maxBatchSize": 1}],
            },
            "budget": {"maxTrials": 20},
            "workload": {
                "models": [{"name": "mlp", "source": "models/mlp.onnx"}],
                "evaluationData": "data/evaluation.npz",
                "loads": [
                    {"name": "full", "type": "ClosedLoop", "concurrency": 4},
                    {"name": "steady", "type": "Poisson", "ratePerSecond": 60},
                ],
            },
        },
    }


def a_pod_template() -> Document:
    """A bit of everything that a Pod template may hold."""
    return {
        "labels": {"kueue.x-k8s.io/queue-name": "gpus", "app.kubernetes.io/part-of": "shop"},
        "annotations": {"sidecar.istio.io/inject": "false"},
        "volumes": [
            {"name": "models", "configMap": {"name": "models", "optional": True}},
            {"name": "keys", "secret": {"secretName": "keys", "items": [A_FILE]}},
            {"name": "cache", "emptyDir": {"sizeLimit": "1Gi"}},
            {"name": "fast", "emptyDir": {"medium": "Memory"}},
            {"name": "data", "persistentVolumeClaim": {"claimName": "data", "readOnly": True}},
            {"name": "engines", "ephemeral": {"volumeClaimTemplate": {"spec": A_CLAIM}}},
            {
                "name": "folder",
                "projected": {
                    "defaultMode": 0o440,
                    "sources": [
                        {"configMap": {"name": "models", "items": [A_FILE]}},
                        {"secret": {"name": "keys", "optional": True}},
                    ],
                },
            },
        ],
        "volumeMounts": [
            {"name": "models", "mountPath": "/workload/models"},
            {"name": "models", "mountPath": "/again", "subPath": "a/b.onnx", "readOnly": True},
            {"name": "data", "mountPath": "/workload/data", "readOnly": True},
        ],
        "env": [
            {"name": "PLAIN", "value": "$(HOME)"},
            {"name": "SECRET", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "token"}}},
            {"name": "MAP", "valueFrom": {"configMapKeyRef": {"name": "models", "key": "a"}}},
        ],
        "imagePullSecrets": [{"name": "registry"}],
        "runAsUser": 65532,
        "fsGroup": 65532,
    }


A_FILE = {"key": "a", "path": "folder/a.onnx", "mode": 0o400}
A_CLAIM = {"storageClassName": "fast", "resources": {"requests": {"storage": "20Gi"}}}


def a_cluster_document() -> Document:
    """A tuning of two pools that a cluster can run, with a Pod template."""
    document = edited("spec.trial", {"podTemplate": a_pod_template()})
    pools = [
        {
            "name": name,
            "nodeSelector": {"example.com/gpu-pool": name},
            "resources": {
                "cpu": "2",
                "memory": "2Gi",
                "ephemeralStorage": "10Gi",
                "accelerators": {"nvidia.com/gpu": 1},
            },
            "placement": placement,
        }
        for name, placement in (("a100", "OnePerNode"), ("l4", "Packed"))
    ]
    return edited("spec.nodePools", pools, document)


def a_trial_document() -> Document:
    """A TuningTrial that has not ended."""
    return {
        "apiVersion": "deploytune.dev/v1alpha1",
        "kind": "TuningTrial",
        "metadata": {"name": "digits-3"},
        "spec": {
            "tuning": "digits",
            "index": 3,
            "parameters": {"backend": "onnxruntime", "maxBatchSize": 8, "share": 0.5, "on": True},
            "pool": "a100",
            "purpose": "Search",
            "proposal": {"strategy": "TPE", "searchStage": "Exploring", "knew": [0, 2, 1]},
        },
    }


def without_nothing(value: Any) -> Any:
    """Return a document without the fields that are null, as the API server drops them."""
    if isinstance(value, dict):
        return {name: without_nothing(item) for name, item in value.items() if item is not None}
    return [without_nothing(item) for item in value] if isinstance(value, list) else value


def edited(path: str, value: Any, document: Document | None = None) -> Document:
    """Return the document with the value at a path; a step that is not there is made."""
    changed = copy.deepcopy(a_document() if document is None else document)
    *steps, last = _steps(path)
    place: Any = changed
    for step in steps:
        place = place[step] if isinstance(step, int) else place.setdefault(step, {})
    if isinstance(last, int) and last == len(place):
        place.append(value)
    else:
        place[last] = value
    return changed


def without(path: str, document: Document | None = None) -> Document:
    """Return the document without what stands at a path."""
    changed = copy.deepcopy(a_document() if document is None else document)
    *steps, last = _steps(path)
    place: Any = changed
    for step in steps:
        place = place[step]
    del place[last]
    return changed


def parsed(document: Document) -> DeploymentTuning:
    return parse_tuning(yaml.safe_dump(document), "tuning.yaml")


def _steps(path: str) -> list[str | int]:
    return [name or int(number) for name, number in _STEP.findall(path)]
