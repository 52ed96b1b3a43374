"""A winner as Kubernetes objects: a Deployment with its Service, or a Job that builds it once.

Without a claim an init container of each Pod builds the repository, which needs nothing but what
the trials had. With one, the Job has built it there before, and Pods begin at once.
"""

from __future__ import annotations

import math
from typing import Any

from deploytune.report.handover.serving_pods import (
    Manifest,
    Served,
    building_container,
    labels_of,
    metadata_of,
    pod_spec,
    service_name,
    serving_container,
)
from deploytune.state.pods.manifest import DEADLINE_MARGIN_SECONDS

_PORTS = {"http": 8000, "grpc": 8001, "metrics": 8002}
_EVERYWHERE = [f"--{service}-address=0.0.0.0" for service in _PORTS]  # the Pod's own network
_STARTUP_PERIOD_SECONDS = 2
_ENDING_SECONDS = 45  # Triton gives requests in flight 30
_LEAST_PROGRESS_SECONDS = 600
_BACKOFF_LIMIT = 2


def deployment_of(served: Served, replicas: int) -> Manifest:
    """Return a Deployment that serves the winner."""
    pod: dict[str, Any] = {
        **pod_spec(served),
        "terminationGracePeriodSeconds": _ENDING_SECONDS,
        "containers": [_server(served)],
    }
    if served.claim is None:
        pod["initContainers"] = [building_container(served)]
    metadata = metadata_of(served)
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata,
        "spec": {
            "replicas": replicas,
            "progressDeadlineSeconds": max(_LEAST_PROGRESS_SECONDS, _building_seconds(served)),
            **_strategy(served),
            "selector": {"matchLabels": labels_of(served)},
            "template": {
                "metadata": {
                    "labels": labels_of(served),
                    "annotations": metadata["annotations"],
                },
                "spec": pod,
            },
        },
    }


def service_of(served: Served) -> Manifest:
    """Return a Service in front of the Deployment.

    Raises:
        InvalidTuningError: its name begins with a digit.
    """
    ports = [
        {"name": name, "port": port, "targetPort": name, "protocol": "TCP"}
        for name, port in _PORTS.items()
    ]
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata_of(served, service_name(served)),
        "spec": {"selector": labels_of(served), "ports": ports},
    }


def job_of(served: Served) -> Manifest:
    """Return a Job that builds the winner's repository onto its claim."""
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": metadata_of(served, f"{served.name}-repository"),
        "spec": {
            "backoffLimit": _BACKOFF_LIMIT,
            "template": {
                "metadata": {"annotations": metadata_of(served)["annotations"]},
                "spec": {
                    **pod_spec(served),
                    "restartPolicy": "Never",
                    "activeDeadlineSeconds": _building_seconds(served),
                    "containers": [building_container(served)],
                },
            },
        },
    }


def _server(served: Served) -> Manifest:
    deadline = served.winner.tuning.spec.trial.stage_deadlines_seconds.serve
    return {
        **serving_container(served, _EVERYWHERE),
        "ports": [{"name": name, "containerPort": port} for name, port in _PORTS.items()],
        "startupProbe": {
            **_probe("ready"),
            "periodSeconds": _STARTUP_PERIOD_SECONDS,
            "failureThreshold": math.ceil(deadline / _STARTUP_PERIOD_SECONDS),
        },
        "readinessProbe": {**_probe("ready"), "periodSeconds": 5},
        "livenessProbe": {**_probe("live"), "periodSeconds": 10, "timeoutSeconds": 5},
    }


def _probe(question: str) -> Manifest:
    return {"httpGet": {"path": f"/v2/health/{question}", "port": "http"}}


def _strategy(served: Served) -> Manifest:
    """Replace Pods one by one where they hold accelerators: a second one may find none."""
    if not served.winner.pool.resources.accelerators:
        return {}
    rolling = {"maxSurge": 0, "maxUnavailable": 1}
    return {"strategy": {"type": "RollingUpdate", "rollingUpdate": rolling}}


def _building_seconds(served: Served) -> int:
    trial = served.winner.tuning.spec.trial
    seconds = math.ceil(trial.run_deadline_seconds) + trial.pull_allowance_seconds
    return seconds + DEADLINE_MARGIN_SECONDS
