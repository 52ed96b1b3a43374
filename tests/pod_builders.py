"""Pods written by hand, for what must be seen without an operator: restricted, read-only root."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from deploytune.api.tuning import DeploymentTuning
from deploytune.contract.codec import encode_request
from deploytune.contract.limits import Limit
from deploytune.contract.request import REQUEST_VARIABLE, TrialRequest

GRACE_SECONDS = 10
CONTAINER = "trial"

DIGITS = Path(__file__).resolve().parents[1] / "operator" / "examples" / "digits"

_FOLDERS: dict[str, tuple[str, dict[str, Any]]] = {
    "tmp": ("/tmp", {"emptyDir": {}}),  # a folder of the Pod's own
    "scratch": ("/scratch", {"emptyDir": {}}),
    "shm": ("/dev/shm", {"emptyDir": {"medium": "Memory"}}),
}


def a_restricted_pod(
    name: str,
    image: str,
    *,
    command: Sequence[str] = (),
    arguments: Sequence[str] = (),
    memory: str = "256Mi",
    cpu: str = "1",
) -> dict[str, Any]:
    """A Pod of one container that Pod Security `restricted` accepts."""
    container: dict[str, Any] = {
        "name": CONTAINER,
        "image": image,
        "imagePullPolicy": "Never",
        "args": list(arguments),
        "resources": {"limits": {"cpu": cpu, "memory": memory}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [
            {"name": folder, "mountPath": path} for folder, (path, _) in _FOLDERS.items()
        ],
    }
    if command:
        container["command"] = list(command)
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name},
        "spec": {
            "restartPolicy": "Never",
            "automountServiceAccountToken": False,
            "terminationGracePeriodSeconds": GRACE_SECONDS,
            "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [container],
            "volumes": [{"name": folder, **kind} for folder, (_, kind) in _FOLDERS.items()],
        },
    }


def a_trial_pod(
    name: str, image: str, request: TrialRequest, *, memory: str = "768Mi"
) -> dict[str, Any]:
    """A restricted Pod that runs a trial."""
    pod = a_restricted_pod(name, image, memory=memory, cpu="1500m")
    [container] = pod["spec"]["containers"]
    container["env"] = [{"name": REQUEST_VARIABLE, "value": encode_request(request)}]
    return pod


def a_digits_pod(
    name: str, image: str, request: TrialRequest, *, memory: str = "768Mi"
) -> dict[str, Any]:
    """A restricted Pod that runs a trial of the digits example, with the example's own volume."""
    template = digits_tuning()["spec"]["trial"]["podTemplate"]
    pod = a_trial_pod(name, image, request, memory=memory)
    [container] = pod["spec"]["containers"]
    container["volumeMounts"] += template["volumeMounts"]
    pod["spec"]["volumes"] += template["volumes"]
    return pod


def a_digits_request(
    parameters: Mapping[str, Any],
    *,
    window_requests: int | None = None,
    limits: Sequence[Limit] = (),
) -> TrialRequest:
    """What the digits example asks of a configuration, under limits of the test's own."""
    spec = DeploymentTuning.model_validate(digits_tuning()).spec
    workload = spec.workload
    if window_requests is not None:
        loads = [load.replace(window_requests=window_requests) for load in workload.loads]
        workload = workload.replace(loads=tuple(loads))
    return TrialRequest(
        trial="digits-1",
        index=1,
        attempt=0,
        seed=7,
        parameters=dict(parameters),
        workload=workload,
        objectives=tuple(objective.key for objective in spec.objectives),
        limits=tuple(limits),
    )


def digits_tuning() -> dict[str, Any]:
    """Return the digits example for a cluster, as a user applies it."""
    text = (DIGITS / "tuning.cluster.yaml").read_text(encoding="utf-8")
    tuning: dict[str, Any] = yaml.safe_load(text)
    return tuning


def digits_files() -> dict[str, list[Path]]:
    """Return the ConfigMaps that the digits example needs, and the files of each."""
    [volume] = digits_tuning()["spec"]["trial"]["podTemplate"]["volumes"]
    maps = [source["configMap"] for source in volume["projected"]["sources"]]
    return {each["name"]: [DIGITS / item["path"] for item in each["items"]] for each in maps}
