"""A trial's Pod: whole as a golden file, and restricted whatever the Pod template says.

The golden file is written anew by `python tests/unit/state/pods/test_manifest.py`.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from api_builders import Document, a_cluster_document, a_pod_template, edited, parsed, without
from hypothesis import given
from hypothesis import strategies as st
from manifest_builders import OPTIONS, a_built_pod, a_trial_of

from deploytune.api.tuning import DeploymentTuning
from deploytune.contract.codec import decode_request
from deploytune.state.pods.labels import RESULT_FINALIZER, TRIAL_PODS
from deploytune.state.pods.manifest import build_pod
from deploytune.state.requests import build_request

GOLDEN = Path(__file__).parent / "golden" / "pod.json"
TEMPLATE = "spec.trial.podTemplate"
POOL = "spec.nodePools[0]"

Pod = dict[str, Any]


def in_a_namespace(document: Document) -> Document:
    return edited("metadata.namespace", "models", document)


def container_of(pod: Pod) -> Pod:
    (container,) = pod["spec"]["containers"]
    found: Pod = container
    return found


def variable(pod: Pod, name: str) -> str:
    values = [one["value"] for one in container_of(pod)["env"] if one["name"] == name]
    (value,) = values
    assert isinstance(value, str)
    return value


def expanded(value: str) -> str:
    """Expand a variable's value as the kubelet does where no other variable is set."""
    return re.sub(r"\$\$", "$", value)


def test_the_pod_is_that_of_the_golden_file() -> None:
    assert json.loads(GOLDEN.read_text()) == a_built_pod(in_a_namespace(a_cluster_document()))


def test_the_trial_reads_the_request_that_was_meant() -> None:
    pod = a_built_pod(a_cluster_document(), precision="$(HOME) $$ $x")

    request = decode_request(expanded(variable(pod, "DEPLOYTUNE_TRIAL")))

    assert (request.trial, request.index, request.attempt) == ("digits-3", 3, 1)
    assert request.parameters["precision"] == "$(HOME) $$ $x"


def test_kubernetes_finds_no_variable_to_expand_in_the_request() -> None:
    value = variable(a_built_pod(a_cluster_document(), precision="$(HOME)"), "DEPLOYTUNE_TRIAL")

    assert "$(" not in value.replace("$$", "")


def test_the_name_and_the_owner_are_those_of_the_attempt() -> None:
    metadata = a_built_pod(a_cluster_document(), uid="u-3")["metadata"]
    (owner,) = metadata["ownerReferences"]

    assert metadata["name"] == "digits-3-1"
    assert (owner["kind"], owner["name"], owner["uid"]) == ("TuningTrial", "digits-3", "u-3")
    assert owner["controller"]
    assert owner["blockOwnerDeletion"]
    assert metadata["finalizers"] == [RESULT_FINALIZER]


@pytest.mark.parametrize(
    ("run", "pull", "expected"),
    [
        pytest.param(100, 900, 100 + 900 + 60, id="whole seconds"),
        pytest.param(0.5, 0, 1 + 60, id="a part of a second is a whole one"),
    ],
)
def test_the_deadline_leaves_room_for_pulling_and_ending(
    run: float, pull: int, expected: int
) -> None:
    document = edited("spec.trial.runDeadlineSeconds", run, a_cluster_document())
    document = edited("spec.trial.pullAllowanceSeconds", pull, document)

    assert a_built_pod(document)["spec"]["activeDeadlineSeconds"] == expected


def test_requests_are_limits() -> None:
    resources = container_of(a_built_pod(a_cluster_document()))["resources"]

    assert resources["requests"] == resources["limits"]
    assert resources["limits"] == {
        "cpu": "2",
        "memory": "2Gi",
        "ephemeral-storage": "10Gi",
        "nvidia.com/gpu": "1",
    }


def test_shared_memory_may_grow_to_the_memory_of_the_trial() -> None:
    volumes = {one["name"]: one for one in a_built_pod(a_cluster_document())["spec"]["volumes"]}

    assert volumes["deploytune-shm"]["emptyDir"] == {"medium": "Memory", "sizeLimit": "2Gi"}


def test_the_trial_is_told_of_its_devices() -> None:
    shared = edited(f"{POOL}.allowSharedDevices", True, a_cluster_document())
    request = decode_request(expanded(variable(a_built_pod(shared), "DEPLOYTUNE_TRIAL")))

    assert {"nvidia.com/gpu": 1} == dict(request.resources.accelerators)
    assert 1 == request.resources.nvidia_devices
    assert request.resources.shared_devices


def test_the_tunings_own_image_comes_before_the_operators() -> None:
    mine = edited("spec.trial.image", "example.com/mine:1", a_cluster_document())

    assert container_of(a_built_pod(mine))["image"] == "example.com/mine:1"
    assert (
        container_of(a_built_pod(a_cluster_document()))["image"]
        == "registry.example.com/deploytune-trial:1"
    )


def test_the_secret_of_the_sources_becomes_variables_that_come_after_the_pods_own() -> None:
    """Kubernetes lets `env` go before `envFrom`, so that a Secret changes no request."""
    credentials = edited(
        "spec.workload.credentials", {"secretName": "models.s3"}, a_cluster_document()
    )
    container = container_of(a_built_pod(credentials))

    assert container["envFrom"] == [{"secretRef": {"name": "models.s3"}}]
    assert "DEPLOYTUNE_TRIAL" in [one["name"] for one in container["env"]]
    assert "envFrom" not in container_of(a_built_pod(a_cluster_document()))


def test_a_mended_tuning_has_another_template() -> None:
    mended = edited(f"{POOL}.nodeSelector", {"a": "b"}, a_cluster_document())
    annotation = "deploytune.dev/template"

    before, after = (
        a_built_pod(document)["metadata"]["annotations"][annotation]
        for document in (a_cluster_document(), mended)
    )

    assert before != after


def test_what_is_ours_is_not_overridden() -> None:
    """The rules refuse these keys; a Pod does not depend on that."""
    tuning = parsed(a_cluster_document())
    taken = tuning.spec.trial.pod_template.model_copy(
        update={
            "labels": {"app.kubernetes.io/managed-by": "me", "deploytune.dev/pool": "mine"},
            "annotations": {"karpenter.sh/do-not-disrupt": "false"},
        }
    )
    trial = tuning.spec.trial.model_copy(update={"pod_template": taken})
    spec = tuning.spec.model_copy(update={"trial": trial})
    metadata = built_from(tuning.model_copy(update={"spec": spec}))["metadata"]

    assert metadata["labels"]["app.kubernetes.io/managed-by"] == "deploytune"
    assert metadata["labels"]["deploytune.dev/pool"] == "a100"
    assert metadata["annotations"]["karpenter.sh/do-not-disrupt"] == "true"


def built_from(tuning: DeploymentTuning) -> Pod:
    trial = a_trial_of(tuning, "a100")
    return build_pod(tuning, trial, build_request(tuning, trial, 0), OPTIONS)


def why_not_restricted(pod: Pod) -> list[str]:
    """Hold a Pod against Pod Security `restricted`, and against what a trial may not have."""
    spec, container = pod["spec"], container_of(pod)
    security = container["securityContext"]
    kinds = {next(kind for kind in one if kind != "name") for one in spec["volumes"]}
    sources = [
        next(iter(source))
        for one in spec["volumes"]
        for source in one.get("projected", {}).get("sources", ())
    ]
    checks = {
        "host": not {"hostNetwork", "hostPID", "hostIPC", "hostUsers", "nodeName"} & set(spec),
        "service account": "serviceAccountName" not in spec,
        "token": spec["automountServiceAccountToken"] is False,
        "volumes": kinds <= VOLUME_KINDS,
        "projections": set(sources) <= {"configMap", "secret"},
        "not root": spec["securityContext"]["runAsNonRoot"] is True,
        "user": spec["securityContext"].get("runAsUser", 1) > 0,
        "seccomp": spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"},
        "escalation": security["allowPrivilegeEscalation"] is False,
        "capabilities": security["capabilities"] == {"drop": ["ALL"]},
        "privilege": not security.get("privileged", False),
        "root file system": security["readOnlyRootFilesystem"] is True,
        "containers": {"initContainers", "ephemeralContainers"}.isdisjoint(spec),
        "ports": "ports" not in container,
        "labels": pod["metadata"]["labels"].items() >= TRIAL_PODS.items(),
    }
    return [name for name, holds in checks.items() if not holds]


VOLUME_KINDS = {
    "configMap",
    "secret",
    "emptyDir",
    "persistentVolumeClaim",
    "image",
    "ephemeral",
    "projected",
}


def test_a_rich_pod_template_makes_a_restricted_pod() -> None:
    assert why_not_restricted(a_built_pod(a_cluster_document())) == []


NAMES = st.from_regex(r"[a-z][a-z0-9]{0,8}", fullmatch=True)
TEXTS = st.text(st.characters(codec="ascii", min_codepoint=32), max_size=20)
KINDS = st.sampled_from(
    [
        {key: value for key, value in volume.items() if key != "name"}
        for volume in a_pod_template()["volumes"]
    ]
    + [{"image": {"reference": "example.com/models:1"}}]
)


@st.composite
def pod_templates(draw: st.DrawFn) -> Document:
    names = draw(st.lists(NAMES, unique=True, max_size=5))
    folders = draw(st.lists(NAMES, unique=True, max_size=5))
    return {
        "labels": draw(st.dictionaries(NAMES, NAMES, max_size=4)),
        "annotations": draw(st.dictionaries(NAMES, TEXTS, max_size=4)),
        "volumes": [{"name": name, **draw(KINDS)} for name in names],
        "volumeMounts": [
            {
                "name": draw(st.sampled_from(names)),
                "mountPath": f"/{folder}x",
                "readOnly": draw(st.booleans()),
            }
            for folder in folders
            if names
        ],
        "env": [
            {"name": name, "value": draw(TEXTS)}
            for name in draw(st.lists(NAMES, unique=True, max_size=4))
        ],
        "imagePullSecrets": [{"name": name} for name in draw(st.sets(NAMES, max_size=3))],
        "priorityClassName": draw(NAMES),
        "runAsUser": draw(st.integers(1, 2**31 - 1)),
        "fsGroup": draw(st.integers(1, 2**31 - 1)),
    }


@given(template=pod_templates())
def test_whatever_the_pod_template_says_the_pod_is_restricted(template: Document) -> None:
    pod = a_built_pod(edited(TEMPLATE, template, a_cluster_document()))

    assert why_not_restricted(pod) == []
    names = [one["name"] for one in pod["spec"]["volumes"]]
    places = [one["mountPath"] for one in container_of(pod)["volumeMounts"]]
    assert len(names) == len(set(names))
    assert len(places) == len(set(places))
    assert {one["name"] for one in container_of(pod)["volumeMounts"]} <= set(names)


def test_without_a_pod_template_the_pod_is_restricted_too() -> None:
    assert why_not_restricted(a_built_pod(without(TEMPLATE, a_cluster_document()))) == []


def test_the_artefact_cache_is_mounted_and_named_to_the_trial() -> None:
    trial = {
        "artefactCache": {"volume": "builds", "sizeLimit": "2Gi"},
        "podTemplate": {
            "volumes": [{"name": "builds", "persistentVolumeClaim": {"claimName": "builds"}}]
        },
    }
    pod = a_built_pod(edited("spec.trial", trial))

    mounts = {one["name"]: one["mountPath"] for one in container_of(pod)["volumeMounts"]}
    assert mounts["builds"] == "/artefacts"
    assert variable(pod, "DEPLOYTUNE_ARTEFACT_CACHE") == "/artefacts/deploytune-artefacts"
    assert variable(pod, "DEPLOYTUNE_ARTEFACT_CACHE_BYTES") == str(2 * 2**30)


def test_without_a_cache_the_trial_hears_of_none() -> None:
    names = {one["name"] for one in container_of(a_built_pod(a_cluster_document()))["env"]}
    assert "DEPLOYTUNE_ARTEFACT_CACHE" not in names


if __name__ == "__main__":
    golden = a_built_pod(in_a_namespace(a_cluster_document()))
    GOLDEN.write_text(json.dumps(golden, indent=2, sort_keys=True) + "\n")
