"""Tunings for a cluster whose nodes only pretend, and what is made of them there."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from builders import NAME, a_trial, a_tuning
from clusters.kubectl import Kubectl
from clusters.nodes import POOL_LABEL
from clusters.stages import RUNS_FOR

from deploytune.api.trial import TuningTrial
from deploytune.api.tuning import DeploymentTuning
from deploytune.runtime.kube.adapter import KubeOptions
from deploytune.runtime.kube.objects import read_tuning
from deploytune.runtime.kube.resources import TUNINGS
from deploytune.state.pods.manifest import PodOptions

RESOURCES = {"cpu": "100m", "memory": "64Mi"}
POOL, NOWHERE = "pool-1", "nowhere"
OPTIONS = KubeOptions(PodOptions(default_image="trial.example/cpu:1"), poll_seconds=0.1)


def a_cluster_tuning(name: str = NAME, **changes: Any) -> DeploymentTuning:
    """A tuning whose trials run for a second and a half on one pool; the other has no node."""
    annotations = {RUNS_FOR: "1500ms"}
    settings = {
        "pools": [
            {"name": pool, "nodeSelector": {POOL_LABEL: pool}, "resources": RESOURCES}
            for pool in (POOL, NOWHERE)
        ],
        "trial": {"podTemplate": {"annotations": annotations}},
        **changes,
    }
    return a_tuning(name=name, **settings)


def created(kubectl: Kubectl, tuning: DeploymentTuning) -> DeploymentTuning:
    """Create a tuning and return it as the API server has it."""
    kubectl.create(json.loads(tuning.to_json()))
    return read_back(kubectl, tuning)


def read_back(kubectl: Kubectl, tuning: DeploymentTuning) -> DeploymentTuning:
    document: Mapping[str, Any] | None = kubectl.get(TUNINGS.plural, tuning.metadata.name)
    assert document is not None, "it was created"
    return read_tuning(document)


def a_cluster_trial(index: int = 0, *, pool: str = POOL, name: str = NAME) -> TuningTrial:
    return a_trial(index, pool=pool, name=name)
