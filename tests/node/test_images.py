"""The images on real nodes: built from their Dockerfiles, run as restricted Pods."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
import yaml
from clusters.images import Image, build_image
from clusters.kubectl import Kubectl
from clusters.node_clusters import NodeCluster
from clusters.nodes import POOL_LABEL
from clusters.waiting import eventually
from pod_builders import (
    CONTAINER,
    DIGITS,
    GRACE_SECONDS,
    a_digits_pod,
    a_digits_request,
    a_restricted_pod,
    a_trial_pod,
)
from project_images import DIGITS_TRIAL, image_settings

import deploytune
from deploytune.contract.codec import decode_message
from deploytune.contract.limits import Limit
from deploytune.contract.outcomes import Cause, OutcomeKind
from deploytune.contract.report import Breadcrumb, TrialReport
from deploytune.contract.stages import Stage

MLP = {"model": "mlp", "precision": "fp32", "instances": 1}
NEEDS_MUCH_TO_BUILD = {
    "model": "wide-cnn-tta",
    "precision": "int8-static",
    "calibrationMethod": "Entropy",
    "calibrationSamples": 320,
}
INSIDE = """
import importlib.util, json, os, shutil
places = ("/", "/opt", os.path.dirname(os.__file__))
print(json.dumps({
    "user": os.getuid(),
    "packages": [name for name in %r if importlib.util.find_spec(name)],
    "compilers": [name for name in ("cc", "gcc", "g++", "clang") if shutil.which(name)],
    "writable": [place for place in places if os.access(place, os.W_OK)],
}))
"""
NOTHING_AMISS: dict[str, Any] = {"user": 65532, "packages": [], "compilers": [], "writable": []}
FAR = Limit(metric="latency_p95_ms@steady", max=5000)  # met whatever else the machine does
PRE_PULL = DIGITS.parent / "pre-pull/daemonset.yaml"


@pytest.fixture(scope="module")
def image_with_models(node_cluster: NodeCluster) -> Image:
    """The trial image with the digits' models in it, on the first node."""
    image = build_image(DIGITS_TRIAL)
    node_cluster.nodes[0].containerd.import_image(image.archive)
    return image


def test_the_operator_image_starts_as_nobody_in_particular_on_a_read_only_root(
    operator_image: Image, kubectl: Kubectl
) -> None:
    kubectl.create(a_restricted_pod("help", operator_image.reference, arguments=["--help"]))
    ended(kubectl, "help")
    assert "usage: deploytune operator" in kubectl.run("logs", "help")


def test_the_operator_image_is_of_this_version(operator_image: Image, kubectl: Kubectl) -> None:
    command = ["deploytune", "--version"]
    kubectl.create(a_restricted_pod("version", operator_image.reference, command=command))
    ended(kubectl, "version")
    assert f"deploytune {deploytune.__version__}" == kubectl.run("logs", "version").strip()


def test_the_images_say_their_version_and_run_as_a_numbered_user(
    operator_image: Image, trial_image: Image
) -> None:
    for image in (operator_image, trial_image):
        settings = image_settings(image.archive)
        assert deploytune.__version__ == settings["Labels"]["org.opencontainers.image.version"]
        assert "65532:65532" == settings["User"]  # a name would fail runAsNonRoot


def test_the_operator_image_holds_no_trial_no_compiler_and_nothing_to_write_to(
    operator_image: Image, kubectl: Kubectl
) -> None:
    foreign = ("torch", "onnx", "onnxruntime", "pytriton", "deploytune_trial", "pip")
    assert NOTHING_AMISS == what_is_inside(kubectl, operator_image, foreign)


def test_the_trial_image_holds_no_operator_no_compiler_and_nothing_to_write_to(
    trial_image: Image, kubectl: Kubectl
) -> None:
    foreign = ("torch", "kopf", "kubernetes", "optuna", "deploytune.search", "pip")
    assert NOTHING_AMISS == what_is_inside(kubectl, trial_image, foreign)


def test_triton_can_start_in_a_restricted_pod(trial_image: Image, kubectl: Kubectl) -> None:
    kubectl.create(a_restricted_pod("check", trial_image.reference, arguments=["--check"]))
    pod = ended(kubectl, "check")
    assert 0 == terminated(pod)["exitCode"], kubectl.run("logs", "check")


def test_a_whole_trial_runs_in_a_restricted_pod_with_its_models_from_a_volume(
    trial_image: Image, digits: Kubectl
) -> None:
    request = a_digits_request(MLP, limits=[FAR])
    digits.create(a_digits_pod("whole", trial_image.reference, request))
    assert_feasible(digits, "whole")


def test_a_whole_trial_runs_in_the_image_for_gpus_through_the_triton_that_it_stands_on(
    gpu_image: Image, digits: Kubectl
) -> None:
    settings = image_settings(gpu_image.archive)
    assert deploytune.__version__ == settings["Labels"]["org.opencontainers.image.version"]
    assert "65532:65532" == settings["User"]
    request = a_digits_request(MLP, limits=[FAR])
    digits.create(on_the_first_node(a_digits_pod("gpu", gpu_image.reference, request)))
    assert_feasible(digits, "gpu")


def test_the_image_for_gpus_has_one_triton_none_of_the_wheel_and_what_torch_compiles_with(
    gpu_image: Image, kubectl: Kubectl
) -> None:
    foreign = ("pytriton", "torch", "kopf", "kubernetes", "optuna", "deploytune.search", "pip")
    inside = what_is_inside(kubectl, gpu_image, foreign)

    assert {"gcc", "g++"} <= set(inside["compilers"])
    assert NOTHING_AMISS == {**inside, "compilers": []}


def test_a_whole_trial_runs_with_its_models_from_the_image(
    image_with_models: Image, kubectl: Kubectl
) -> None:
    request = a_digits_request(MLP, limits=[FAR])
    pod = a_trial_pod("own", image_with_models.reference, request)
    kubectl.create(on_the_first_node(pod))
    assert_feasible(kubectl, "own")


def test_an_image_is_held_on_every_node_of_a_pool(trial_image: Image, kubectl: Kubectl) -> None:
    text = PRE_PULL.read_text(encoding="utf-8")
    daemons = yaml.safe_load(text.replace("REGISTRY/deploytune-trial:0.1.0", trial_image.reference))
    kubectl.create(daemons)
    name = daemons["metadata"]["name"]
    kubectl.run("rollout", "status", f"daemonset/{name}", "--timeout=60s", seconds=70)
    [held] = kubectl.items("pods")
    assert trial_image.reference == held["spec"]["containers"][0]["image"]
    assert "pool-1" == nodes_pool(kubectl, held)
    assert "Running" == held["status"]["phase"]


def test_a_trial_whose_pod_is_deleted_reports_within_its_grace(
    trial_image: Image, digits: Kubectl
) -> None:
    request = a_digits_request(MLP, window_requests=1000)
    pod = a_digits_pod("deleted", trial_image.reference, request)
    pod["metadata"]["finalizers"] = ["deploytune.dev/test"]  # keeps its last words readable
    digits.create(pod)
    eventually(lambda: says(digits, "deleted", Stage.MEASURE), "the measurement")
    digits.run("delete", "pod", "deleted", "--wait=false")
    last = ended(digits, "deleted")
    end = terminated(last)
    report = decode_message(end["message"].encode())
    assert isinstance(report, TrialReport)
    assert (OutcomeKind.INFRASTRUCTURE, Cause.INTERRUPTED) == (report.outcome, report.cause)
    assert Stage.MEASURE == report.stage
    assert 0 == end["exitCode"]
    asked = moment(last["metadata"]["deletionTimestamp"]) - timedelta(seconds=GRACE_SECONDS)
    assert moment(end["finishedAt"]) - asked < timedelta(seconds=GRACE_SECONDS)


def test_a_trial_killed_for_memory_leaves_the_breadcrumb_of_its_stage(
    trial_image: Image, digits: Kubectl
) -> None:
    pod = a_digits_pod("killed", trial_image.reference, a_digits_request(MLP), memory="40Mi")
    digits.create(pod)
    end = terminated(ended(digits, "killed"))
    message = decode_message(end["message"].encode())
    assert ("OOMKilled", 137) == (end["reason"], end["exitCode"])
    assert Breadcrumb(stage=Stage.LOAD) == message


def test_a_build_killed_for_memory_is_out_of_memory_in_stage_build(
    trial_image: Image, digits: Kubectl
) -> None:
    """With cgroup v1 the trial outlives its build and reports; v2 kills the whole container."""
    request = a_digits_request(NEEDS_MUCH_TO_BUILD)
    digits.create(a_digits_pod("child", trial_image.reference, request, memory="300Mi"))
    end = terminated(ended(digits, "child"))
    message = decode_message(end["message"].encode())
    assert "OOMKilled" == end["reason"]
    assert Stage.BUILD == message.stage
    if isinstance(message, TrialReport):
        assert (OutcomeKind.CRASHED, Cause.OUT_OF_MEMORY) == (message.outcome, message.cause)
        assert 0 == end["exitCode"]


def assert_feasible(kubectl: Kubectl, name: str) -> None:
    """Hold a Pod against what a trial of the digits' MLP finds under a limit that is far."""
    end = terminated(ended(kubectl, name))
    report = decode_message(end["message"].encode())
    assert 0 == end["exitCode"]
    assert isinstance(report, TrialReport)
    assert OutcomeKind.FEASIBLE == report.outcome, report
    assert pytest.approx(0.98, abs=0.01) == report.metrics["accuracy"].value
    assert FAR.metric in report.metrics
    assert "2.51.0" == report.facts["tritonVersion"]


def on_the_first_node(pod: dict[str, Any]) -> dict[str, Any]:
    pod["spec"]["nodeSelector"] = {POOL_LABEL: "pool-1"}
    return pod


def nodes_pool(kubectl: Kubectl, pod: dict[str, Any]) -> str:
    node = kubectl.read("get", "node", pod["spec"]["nodeName"])
    return str(node["metadata"]["labels"][POOL_LABEL])


def what_is_inside(kubectl: Kubectl, image: Image, foreign: Sequence[str]) -> Any:
    """Return what a restricted Pod of an image finds that should not be there."""
    command = ["python", "-c", INSIDE % (tuple(foreign),)]
    pod = a_restricted_pod("inside", image.reference, command=command)
    kubectl.create(on_the_first_node(pod))
    ended(kubectl, "inside")
    return json.loads(kubectl.run("logs", "inside"))


def ended(kubectl: Kubectl, name: str) -> dict[str, Any]:
    """Wait for a Pod's end and return the Pod."""

    def look() -> dict[str, Any] | None:
        pod = kubectl.get("pod", name)
        assert pod is not None
        return pod if pod["status"]["phase"] in {"Succeeded", "Failed"} else None

    return eventually(look, f"the end of Pod {name}")


def terminated(pod: dict[str, Any]) -> dict[str, Any]:
    [status] = pod["status"]["containerStatuses"]
    end: dict[str, Any] = status["state"]["terminated"]
    return end


def says(kubectl: Kubectl, name: str, stage: Stage) -> bool:
    """Tell whether a running trial has begun a stage."""
    read = ("--", "cat", "/dev/termination-log")
    return f'"{stage}"' in kubectl.attempt("exec", name, "-c", CONTAINER, *read).stdout


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
