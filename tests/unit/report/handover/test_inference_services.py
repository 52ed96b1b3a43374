"""An InferenceService says what KServe documents, and serves as it was measured.

KServe's own definition is not at hand in these tests. The fields below are those of its v1beta1 API
(predictor: a Pod's spec beside KServe's own; model: a container beside the model's), and of its
runtime kserve-tritonserver (ports 8080 and 9000, models in /mnt/models).
"""

from __future__ import annotations

import json
from pathlib import Path

from api_builders import a_cluster_document, parsed
from handover_builders import an_answered

from deploytune.report.handover.inference_services import inference_service_of
from deploytune.report.handover.serving_pods import Manifest, served
from deploytune.report.handover.winners import winner_of
from deploytune_trial.main import parsed as parsed_by_the_trial_program

URI = "pvc://models/digits"
IMAGE = "registry.example.com/trial:1"
OF_RUNTIME = [
    *("tritonserver", "--model-store=/mnt/models", "--grpc-port=9000", "--http-port=8080"),
    *("--allow-grpc=true", "--allow-http=true"),
]
OF_PREDICTOR = {
    *("minReplicas", "maxReplicas", "model", "serviceAccountName", "volumes", "nodeSelector"),
    *("tolerations", "affinity", "runtimeClassName", "imagePullSecrets", "priorityClassName"),
}
OF_MODEL = {
    *("modelFormat", "protocolVersion", "runtime", "runtimeVersion", "storageUri", "storage"),
    *("image", "imagePullPolicy", "args", "command", "env", "resources", "volumeMounts"),
}


def a_service(account: str | None = None) -> Manifest:
    winner = winner_of(an_answered(parsed(a_cluster_document())), provisional=False)
    return inference_service_of(served(winner, None, IMAGE, None), URI, account, 1)


def predictor_of(service: Manifest) -> Manifest:
    predictor: Manifest = service["spec"]["predictor"]
    return predictor


def test_it_has_no_field_that_kserve_does_not_know() -> None:
    service = a_service("reader")
    assert ("serving.kserve.io/v1beta1", "InferenceService") == (
        service["apiVersion"],
        service["kind"],
    )
    assert {"predictor"} == set(service["spec"])
    assert set() == set(predictor_of(service)) - OF_PREDICTOR
    assert set() == set(predictor_of(service)["model"]) - OF_MODEL
    assert service == json.loads(json.dumps(service))


def test_it_is_a_triton_model_over_protocol_v2_where_the_user_has_put_it() -> None:
    model = predictor_of(a_service())["model"]
    expected = {
        "modelFormat": {"name": "triton"},
        "protocolVersion": "v2",
        "runtime": "kserve-tritonserver",
        "storageUri": URI,
    }
    assert expected == {name: model[name] for name in expected}


def test_the_account_is_placed_only_where_one_is_named() -> None:
    assert "reader" == predictor_of(a_service("reader"))["serviceAccountName"]
    assert "serviceAccountName" not in predictor_of(a_service())


def test_the_measured_image_serves_what_kserve_brings_where_kserve_asks() -> None:
    model = predictor_of(a_service())["model"]
    assert IMAGE == model["image"]
    assert ["--serve", "/mnt/models", "--http-port=8080", "--grpc-port=9000"] == model["args"][:4]
    assert "--http-address=0.0.0.0" in model["args"]


def test_the_trial_program_takes_the_runtimes_arguments_before_its_own() -> None:
    chosen, for_triton = parsed_by_the_trial_program(
        [*OF_RUNTIME, *predictor_of(a_service())["model"]["args"]]
    )
    assert Path("/mnt/models") == chosen.serve
    assert "tritonserver" not in for_triton
    ports = [each for each in for_triton if each.startswith("--http-port")]
    assert {"--http-port=8080"} == set(ports)


def test_it_runs_on_the_winners_pool_with_the_trials_resources_and_shared_memory() -> None:
    predictor = predictor_of(a_service())
    assert {"example.com/gpu-pool": "a100"} == predictor["nodeSelector"]
    resources = predictor["model"]["resources"]
    assert resources["requests"] == resources["limits"]
    assert "1" == resources["limits"]["nvidia.com/gpu"]
    mounted = {each["mountPath"]: each["name"] for each in predictor["model"]["volumeMounts"]}
    volumes = {volume["name"]: volume for volume in predictor["volumes"]}
    assert {"medium": "Memory", "sizeLimit": "2Gi"} == volumes[mounted["/dev/shm"]]["emptyDir"]
    assert set(mounted.values()) <= set(volumes)
    assert "/repository" not in mounted
