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

from deploytune.api.trial import AttemptRecord
from deploytune.api.tuning import DeploymentTuning
from deploytune.contract.codec import decode_request
from deploytune.state.pods.labels import RESULT_FINALIZER, TRIAL_PODS
from deploytune.state.pods.manifest import build_pod
from deploytune.state.requests import build_request

GOLDEN = Path(__file__).parent / "golden" / "pod.json"
NOT_SHARED = (
    {
        "key": "nvidia.com/gpu.sharing-strategy",
        "operator": "NotIn",
        "values": ["time-slicing", "mps"],
    },
    {"key": "cloud.google.com/gke-gpu-sharing-strategy", "operator": "DoesNotExist"},
)
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


def test_a_lost_node_holds_a_pod_for_less_than_a_minute() -> None:
    tolerations = a_built_pod(a_cluster_document())["spec"]["tolerations"]
    seconds = {one["key"]: one.get("tolerationSeconds") for one in tolerations}

    for taint in ("not-ready", "unreachable"):
        assert 30 <= seconds[f"node.kubernetes.io/{taint}"] <= 60
    assert seconds["nvidia.com/gpu"] is None


def test_a_pool_that_tolerates_everything_does_not_stay_on_a_lost_node() -> None:
    """Of the tolerations that match a taint, the first counts."""
    document = edited(
        "spec.nodePools[0].tolerations", [{"operator": "Exists"}], a_cluster_document()
    )
    first, second, *_ = a_built_pod(document)["spec"]["tolerations"]
    assert [45, 45] == [first["tolerationSeconds"], second["tolerationSeconds"]]


def test_a_pool_that_names_the_taint_of_a_lost_node_has_its_way() -> None:
    wanted = {
        "key": "node.kubernetes.io/unreachable",
        "operator": "Exists",
        "effect": "NoExecute",
        "tolerationSeconds": 600,
    }
    document = edited("spec.nodePools[0].tolerations", [wanted], a_cluster_document())
    tolerations = a_built_pod(document)["spec"]["tolerations"]
    named = [one for one in tolerations if one.get("key") == wanted["key"]]
    assert [wanted] == named


@pytest.mark.parametrize(
    ("accelerators", "tolerated"),
    [
        pytest.param({"nvidia.com/gpu": 1}, ["nvidia.com/gpu"], id="a device"),
        pytest.param({"nvidia.com/mig-1g.5gb": 2}, ["nvidia.com/gpu"], id="a slice of a device"),
        pytest.param({"nvidia.com/gpu.shared": 1}, ["nvidia.com/gpu"], id="a share of a device"),
        pytest.param({"amd.com/gpu": 1}, ["amd.com/gpu"], id="another vendor's device"),
        pytest.param({}, [], id="no device, so that GPU nodes stay free of it"),
    ],
)
def test_by_default_a_pod_tolerates_the_taint_of_what_it_asks_for(
    accelerators: dict[str, int], tolerated: list[str]
) -> None:
    document = edited(f"{POOL}.resources.accelerators", accelerators, a_cluster_document())
    tolerations = a_built_pod(document)["spec"]["tolerations"]

    keys = [one["key"] for one in tolerations if "tolerationSeconds" not in one]
    assert tolerated == keys


@pytest.mark.parametrize(
    "own",
    [
        pytest.param([], id="none"),
        pytest.param([{"key": "sku", "operator": "Equal", "value": "gpu"}], id="others"),
    ],
)
def test_tolerations_that_a_pool_names_are_all_it_has(own: list[Document]) -> None:
    document = edited(f"{POOL}.tolerations", own, a_cluster_document())
    tolerations = a_built_pod(document)["spec"]["tolerations"]

    assert own == [one for one in tolerations if "tolerationSeconds" not in one]


def test_the_trial_is_told_of_its_devices() -> None:
    shared = edited(f"{POOL}.allowSharedDevices", True, a_cluster_document())
    request = decode_request(expanded(variable(a_built_pod(shared), "DEPLOYTUNE_TRIAL")))

    assert {"nvidia.com/gpu": 1} == dict(request.resources.accelerators)
    assert 1 == request.resources.nvidia_devices
    assert request.resources.shared_devices


def test_one_per_node_keeps_away_from_every_trial_of_every_namespace() -> None:
    affinity = a_built_pod(a_cluster_document(), pool="a100")["spec"]["affinity"]
    (term,) = affinity["podAntiAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]

    assert term["labelSelector"] == {"matchLabels": dict(TRIAL_PODS)}
    assert term["namespaceSelector"] == {}
    assert term["topologyKey"] == "kubernetes.io/hostname"


def test_packed_trials_share_a_node() -> None:
    assert "podAntiAffinity" not in a_built_pod(a_cluster_document(), pool="l4")["spec"]["affinity"]


def node_terms(document: Document) -> list[Any]:
    affinity = a_built_pod(document)["spec"].get("affinity", {}).get("nodeAffinity", {})
    required = affinity.get("requiredDuringSchedulingIgnoredDuringExecution", {})
    terms: list[Any] = required.get("nodeSelectorTerms", [])
    return terms


def test_nodes_that_share_their_devices_are_left_out() -> None:
    replicas = "nvidia.com/gpu.replicas"

    assert node_terms(a_cluster_document()) == [
        {"matchExpressions": [*NOT_SHARED, {"key": replicas, "operator": "DoesNotExist"}]},
        {
            "matchExpressions": [
                *NOT_SHARED,
                {"key": replicas, "operator": "In", "values": ["0", "1"]},
            ]
        },
    ]


def test_a_node_whose_device_failed_the_trial_is_taken_last() -> None:
    tuning = parsed(a_cluster_document())
    records = [
        AttemptRecord(attempt=number, outcome="Infrastructure", cause=cause, node=node)
        for number, (cause, node) in enumerate(
            [("HardwareFault", "n-1"), ("Disrupted", "n-2"), ("HardwareFault", "n-1")]
        )
    ]
    trial = a_trial_of(tuning, "l4")
    status = trial.status.replace(attempts=tuple(records))
    failed = trial.model_copy(update={"status": status})
    pod = build_pod(tuning, failed, build_request(tuning, failed, 3), OPTIONS)
    affinity = pod["spec"]["affinity"]["nodeAffinity"]
    (preferred,) = affinity["preferredDuringSchedulingIgnoredDuringExecution"]

    assert [{"key": "metadata.name", "operator": "NotIn", "values": ["n-1"]}] == preferred[
        "preference"
    ]["matchFields"]
    assert "requiredDuringSchedulingIgnoredDuringExecution" in affinity


@pytest.mark.parametrize(
    ("path", "value"),
    [
        pytest.param(f"{POOL}.allowSharedDevices", True, id="a pool that allows it"),
        pytest.param(f"{POOL}.resources.accelerators", {}, id="a pool without accelerators"),
        pytest.param(f"{POOL}.resources.accelerators", {"amd.com/gpu": 1}, id="another vendor"),
    ],
)
def test_no_node_is_left_out_of(path: str, value: object) -> None:
    assert node_terms(edited(path, value, a_cluster_document())) == []


def test_a_renamed_shared_resource_has_the_labels_of_its_device() -> None:
    shared = {"nvidia.com/gpu.shared": 1}

    assert node_terms(
        edited(f"{POOL}.resources.accelerators", shared, a_cluster_document())
    ) == node_terms(a_cluster_document())


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
