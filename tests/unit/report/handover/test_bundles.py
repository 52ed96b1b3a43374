"""A bundle says what a figure depends on, and its Job is the trial's own Pod."""

from __future__ import annotations

import yaml
from api_builders import a_cluster_document, edited, parsed
from handover_builders import an_answered
from manifest_builders import A_UID, OPTIONS

from deploytune.api.reading import parse_tuning
from deploytune.api.trial import AttemptRecord, NodeDevices, Sharing
from deploytune.contract.outcomes import OutcomeKind
from deploytune.report.handover.bundles import bundle_of
from deploytune.state.pods.manifest import build_pod
from deploytune.state.requests import build_request

DIGEST = "registry.example.com/trial@sha256:" + "0" * 64
DEVICES = NodeDevices(product="NVIDIA-L4", driver="570.1", sharing=Sharing.EXCLUSIVE)


def a_bundle(image: str | None = DIGEST) -> dict[str, str]:
    document = a_cluster_document()
    if image is not None:
        document = edited("spec.trial.image", image, document)
    recorded = an_answered(parsed(document))
    attempt = AttemptRecord(attempt=0, outcome=OutcomeKind.FEASIBLE, node="n", devices=DEVICES)
    winner = recorded.trials[1]
    status = winner.status.replace(facts={"tritonVersion": "2.51.0"}, attempts=(attempt,))
    trial = winner.model_copy(update={"status": status})
    request = build_request(recorded.tuning, trial, 0)
    return bundle_of(recorded.tuning, trial, request, None)


def test_what_a_figure_depends_on_is_in_one_file() -> None:
    told = yaml.safe_load(a_bundle()["circumstances.yaml"])
    assert DIGEST == told["image"]
    assert {"tritonVersion": "2.51.0"} == told["facts"]
    assert "NVIDIA-L4" == told["attempts"][0]["devices"]["product"]
    assert {"kind": "measure", "size": 1, "level": 1} == told["parameters"]
    assert isinstance(told["seed"], int)
    assert ["full", "steady"] == [load["name"] for load in told["loads"]]
    assert "2Gi" == told["pool"]["resources"]["memory"]


def test_its_tuning_can_be_read_again_and_has_no_answer() -> None:
    tuning = parse_tuning(a_bundle()["tuning.yaml"], "tuning.yaml")
    assert tuning.spec == parsed(edited("spec.trial.image", DIGEST, a_cluster_document())).spec
    assert tuning.status is None


def test_nothing_in_it_is_of_one_object_in_one_cluster() -> None:
    recorded = an_answered(parsed(a_cluster_document()))
    of_cluster = {"uid": A_UID, "resource_version": "7", "generation": 3, "labels": {"team": "a"}}
    metadata = recorded.tuning.metadata.replace(creation_timestamp="then", **of_cluster)
    stopped = recorded.tuning.spec.replace(stop=True, suspend=True)
    tuning = recorded.tuning.model_copy(update={"metadata": metadata, "spec": stopped})
    winner = recorded.trials[1]
    trial = winner.model_copy(update={"metadata": winner.metadata.replace(**of_cluster)})
    bundle = bundle_of(tuning, trial, build_request(tuning, trial, 0), None)

    for name in ("trial.yaml", "tuning.yaml"):
        told = yaml.safe_load(bundle[name])["metadata"]
        assert {"name", "namespace", "labels", "annotations"} >= set(told)
        assert {"team": "a"} == told["labels"]
    spec = yaml.safe_load(bundle["tuning.yaml"])["spec"]
    assert (False, False) == (spec["stop"], spec["suspend"])


def test_its_job_runs_the_very_container_of_the_trial() -> None:
    job = yaml.safe_load(a_bundle()["job.yaml"])
    recorded = an_answered(parsed(edited("spec.trial.image", DIGEST, a_cluster_document())))
    trial = recorded.trials[1]
    named = trial.model_copy(update={"metadata": trial.metadata.replace(uid=A_UID)})
    pod = build_pod(recorded.tuning, named, build_request(recorded.tuning, trial, 0), OPTIONS)
    of_job = job["spec"]["template"]["spec"]
    for part in ("containers", "volumes", "securityContext", "nodeSelector", "tolerations"):
        assert pod["spec"][part] == of_job[part]


def test_without_an_image_on_record_there_is_no_job() -> None:
    bundle = a_bundle(image=None)
    assert "job.yaml" not in bundle
    assert "job.yaml" not in bundle["README.md"]
