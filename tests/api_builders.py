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
