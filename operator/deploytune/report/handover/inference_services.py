"""A winner as an InferenceService of KServe: its repository lies where the user has put it.

KServe brings the repository to a folder of its own and starts its runtime's server on that. The
server here is the trial's program in the trials' image, as it was measured: a repository of the
Python backend needs the packages beside it, and an engine the very TensorRT that built it. What the
runtime says of the container is kept, but for image and resources. KServe puts the arguments below
behind the runtime's own, `tritonserver --model-store=/mnt/models ...`: the trial's program leaves
out the first word, and Triton takes the last of a port that is named twice.
"""

from __future__ import annotations

from deploytune.report.handover.serving_pods import (
    VOLUME,
    Manifest,
    Served,
    metadata_of,
    pod_spec,
    service_name,
    serving_container,
)

RUNTIME = "kserve-tritonserver"
_MODELS = "/mnt/models"
_ARGUMENTS = (
    *("--serve", _MODELS),
    *("--http-port=8080", "--grpc-port=9000"),  # where KServe looks for them
    *(f"--{service}-address=0.0.0.0" for service in ("http", "grpc", "metrics")),
)
_OF_POD = (
    "nodeSelector",
    "tolerations",
    "affinity",
    "runtimeClassName",
    "imagePullSecrets",
    "priorityClassName",
)


def inference_service_of(
    served: Served, storage_uri: str, service_account: str | None, replicas: int
) -> Manifest:
    """Return an InferenceService for the repository at `storage_uri`.

    Raises:
        InvalidTuningError: its name, which its Services have too, begins with a digit.
    """
    pod = pod_spec(served)
    account = {} if service_account is None else {"serviceAccountName": service_account}
    return {
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": "InferenceService",
        "metadata": metadata_of(served, service_name(served)),
        "spec": {
            "predictor": {
                "minReplicas": replicas,
                **account,
                **{name: pod[name] for name in _OF_POD if pod.get(name)},
                "volumes": [each for each in pod["volumes"] if each["name"] != VOLUME],
                "model": _model(served, storage_uri),
            }
        },
    }


def _model(served: Served, storage_uri: str) -> Manifest:
    container = serving_container(served, [])
    mounts = [each for each in container["volumeMounts"] if each["name"] != VOLUME]
    return {
        "modelFormat": {"name": "triton"},
        "protocolVersion": "v2",
        "runtime": RUNTIME,
        "storageUri": storage_uri,
        "image": container["image"],
        "imagePullPolicy": container["imagePullPolicy"],
        "args": list(_ARGUMENTS),
        **({"env": container["env"]} if container["env"] else {}),
        "resources": container["resources"],
        "volumeMounts": mounts,
    }
