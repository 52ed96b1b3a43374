"""The objects that serve a winner: as its trials were, where they were, and no more."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from api_builders import a_cluster_document, edited, parsed
from builders import a_tuning
from handover_builders import an_answered

from deploytune.api.tuning import DeploymentTuning
from deploytune.contract.codec import decode_request
from deploytune.contract.errors import InvalidTuningError
from deploytune.report.handover.deployments import deployment_of, job_of, service_of
from deploytune.report.handover.inference_services import inference_service_of
from deploytune.report.handover.serving_pods import Served, served
from deploytune.report.handover.winners import winner_of

DIGEST = "@sha256:" + "0" * 64
IMAGE = "registry.example.com/trial:1"


def a_winner(
    tuning: DeploymentTuning | None = None,
    image: str | None = IMAGE,
    claim: str | None = None,
    name: str | None = None,
) -> Served:
    recorded = an_answered(tuning or parsed(a_cluster_document()))
    return served(winner_of(recorded, provisional=False), name, image, claim)


def pod_of(manifest: dict[str, Any]) -> dict[str, Any]:
    pod: dict[str, Any] = manifest["spec"]["template"]["spec"]
    return pod


def containers_of(manifest: dict[str, Any]) -> list[dict[str, Any]]:
    pod = pod_of(manifest)
    return [*pod.get("initContainers", []), *pod["containers"]]


def test_an_init_container_builds_what_the_server_serves() -> None:
    build, server = containers_of(deployment_of(a_winner(), 1))
    assert ["--repository", "/repository/digits"] == build["args"]
    assert ["--serve", "/repository/digits"] == server["args"][:2]
    (mounted,) = [m for m in build["volumeMounts"] if m["mountPath"] == "/repository"]
    assert mounted in server["volumeMounts"]


def test_objects_of_another_name_serve_what_the_job_has_left() -> None:
    (build,) = containers_of(job_of(a_winner(claim="models")))
    (server,) = containers_of(deployment_of(a_winner(claim="models", name="shop"), 1))
    assert build["args"][1] == server["args"][1] == "/repository/digits"


def test_a_tuning_whose_name_no_service_can_have_needs_another() -> None:
    tuning = parsed(edited("metadata.name", "8digits", a_cluster_document()))
    words = "--name: must be given: the name of a Service begins with a letter, got '8digits'"
    with pytest.raises(InvalidTuningError, match=re.escape(words)):
        service_of(a_winner(tuning))
    with pytest.raises(InvalidTuningError, match=re.escape(words)):
        inference_service_of(a_winner(tuning), "pvc://models/8digits", None, 1)
    assert "digits" == service_of(a_winner(tuning, name="digits"))["metadata"]["name"]


def test_what_is_built_is_what_the_winner_was_asked() -> None:
    build, _ = containers_of(deployment_of(a_winner(), 1))
    (text,) = [each["value"] for each in build["env"] if each["name"] == "DEPLOYTUNE_TRIAL"]
    request = decode_request(text.replace("$$", "$"))
    assert ("digits-1", "a100") == (request.trial, a_winner().winner.trial.spec.pool)
    assert a_winner().winner.trial.spec.parameters == request.parameters


def test_the_server_gets_neither_the_request_nor_the_sources_credentials() -> None:
    credentials = edited(
        "spec.workload.credentials", {"secretName": "bucket"}, a_cluster_document()
    )
    build, server = containers_of(deployment_of(a_winner(parsed(credentials)), 1))
    assert [{"secretRef": {"name": "bucket"}}] == build["envFrom"]
    assert "envFrom" not in server
    assert ["PLAIN", "SECRET", "MAP"] == [each["name"] for each in server["env"]]


def test_it_runs_on_the_winners_pool_with_the_trials_resources() -> None:
    deployment = deployment_of(a_winner(), 1)
    amounts = {"cpu": "2", "memory": "2Gi", "ephemeral-storage": "10Gi", "nvidia.com/gpu": "1"}
    for container in containers_of(deployment):
        assert {"requests": amounts, "limits": amounts} == container["resources"]
    pod = pod_of(deployment)
    assert {"example.com/gpu-pool": "a100"} == pod["nodeSelector"]
    assert {"key": "nvidia.com/gpu", "operator": "Exists"} in pod["tolerations"]
    assert "podAntiAffinity" not in pod["affinity"]


@pytest.mark.parametrize("build", [lambda one: deployment_of(one, 1), job_of])
def test_every_container_is_restricted(build: Any) -> None:
    manifest = build(a_winner(claim="models"))
    security = pod_of(manifest)["securityContext"]
    assert (True, "RuntimeDefault") == (
        security["runAsNonRoot"],
        security["seccompProfile"]["type"],
    )
    assert pod_of(manifest)["automountServiceAccountToken"] is False
    for container in containers_of(manifest):
        expected = {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        }
        assert expected == container["securityContext"]


def test_it_is_probed_and_reached_where_it_listens() -> None:
    server = containers_of(deployment_of(a_winner(), 1))[-1]
    assert {"path": "/v2/health/ready", "port": "http"} == server["readinessProbe"]["httpGet"]
    assert {"path": "/v2/health/live", "port": "http"} == server["livenessProbe"]["httpGet"]
    assert {"--http-address=0.0.0.0", "--grpc-address=0.0.0.0"} <= set(server["args"])
    startup = server["startupProbe"]
    assert 120 == startup["periodSeconds"] * startup["failureThreshold"]
    ports = {port["name"]: port["containerPort"] for port in server["ports"]}
    service = service_of(a_winner())
    assert ports == {port["targetPort"]: port["port"] for port in service["spec"]["ports"]}
    labels = deployment_of(a_winner(), 1)["spec"]["template"]["metadata"]["labels"]
    assert service["spec"]["selector"] == labels


def test_the_operator_takes_no_such_pod_for_a_trial() -> None:
    labels = deployment_of(a_winner(), 1)["spec"]["template"]["metadata"]["labels"]
    assert "app.kubernetes.io/managed-by" not in labels
    assert not [key for key in labels if key.startswith("deploytune.dev/")]
    assert "kueue.x-k8s.io/queue-name" not in labels


def test_with_a_claim_the_job_builds_and_the_pods_only_serve() -> None:
    winner = a_winner(claim="models")
    (build,) = containers_of(job_of(winner))
    (server,) = containers_of(deployment_of(winner, 1))
    assert build["args"][1] == server["args"][1] == "/repository/digits"
    for manifest in (job_of(winner), deployment_of(winner, 1)):
        volumes = {volume["name"]: volume for volume in pod_of(manifest)["volumes"]}
        claim = volumes["deploytune-repository"]["persistentVolumeClaim"]
        assert {"claimName": "models"} == claim


@pytest.mark.parametrize(("given", "expected"), [(None, 65532), (1000, 1000)])
def test_a_claim_may_be_written_to(given: int | None, expected: int) -> None:
    tuning = a_tuning(trial={"podTemplate": {} if given is None else {"fsGroup": given}})
    assert expected == pod_of(job_of(a_winner(tuning, claim="c")))["securityContext"]["fsGroup"]


def test_pods_that_hold_accelerators_are_replaced_one_by_one() -> None:
    """A second Pod would wait for ever for the device of the first."""
    assert 0 == deployment_of(a_winner(), 1)["spec"]["strategy"]["rollingUpdate"]["maxSurge"]
    assert "strategy" not in deployment_of(a_winner(a_tuning()), 1)["spec"]


@pytest.mark.parametrize(
    ("named", "ran", "given", "expected"),
    [
        ("r.example/trial:1", None, None, "r.example/trial:1"),
        ("r.example/trial:1", f"r.example/trial{DIGEST}", None, f"r.example/trial{DIGEST}"),
        (None, f"docker-pullable://r.example/trial{DIGEST}", None, f"r.example/trial{DIGEST}"),
        ("r.example/trial:1", f"r.example/trial{DIGEST}", "mine:2", "mine:2"),
    ],
    ids=["as named", "by its digest", "the operator's own", "as the user says"],
)
def test_the_image_is_the_one_that_was_measured(
    named: str | None, ran: str | None, given: str | None, expected: str
) -> None:
    recorded = an_answered(a_tuning(trial={"image": named} if named else {}))
    assert recorded.tuning.status is not None
    status = recorded.tuning.status.replace(trial_image_id=ran)
    winner = winner_of(recorded, provisional=False)
    told = winner.tuning.model_copy(update={"status": status})
    changed = type(winner)(told, winner.trial, winner.answer)
    for container in containers_of(deployment_of(served(changed, None, given, None), 1)):
        assert expected == container["image"]


def test_an_image_that_only_its_node_knows_has_to_be_named() -> None:
    with pytest.raises(InvalidTuningError, match="--image: must be given"):
        a_winner(a_tuning(), image=None)


def test_the_objects_are_plain_json() -> None:
    for manifest in (deployment_of(a_winner(), 1), service_of(a_winner()), job_of(a_winner())):
        assert manifest == json.loads(json.dumps(manifest))
