"""What a tuning names must be there, its image be a name, its Pods be taken."""

from __future__ import annotations

from typing import Any

import pytest
from api_builders import a_cluster_document, edited, parsed
from preflight_builders import IMAGE, a_node, a_tuning_on_pools, the_facts

from deploytune.api.tuning import DeploymentTuning
from deploytune.state.preflight.checks import preflight, room_in
from deploytune.state.preflight.facts import (
    Kind,
    ObjectKey,
    Presence,
    Quota,
    Refused,
    Unread,
)
from deploytune.state.preflight.images import full_names
from deploytune.state.preflight.named_objects import objects_named

TEMPLATE = "spec.trial.podTemplate"


def found(tuning: DeploymentTuning, **facts: Any) -> list[str]:
    return [str(one) for one in preflight(tuning, the_facts(tuning, **facts))]


def test_nothing_is_found_where_nothing_is_wrong() -> None:
    assert [] == found(a_tuning_on_pools())


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        (
            f"{TEMPLATE}.volumes",
            [{"name": "m", "persistentVolumeClaim": {"claimName": "models"}}],
            (
                f"fails: {TEMPLATE}.volumes[0].persistentVolumeClaim.claimName: there is no "
                "PersistentVolumeClaim models: the Pod waits for it"
            ),
        ),
        (
            f"{TEMPLATE}.volumes",
            [{"name": "m", "projected": {"sources": [{"configMap": {"name": "models"}}]}}],
            (
                f"fails: {TEMPLATE}.volumes[0].projected.sources[0].configMap.name: there is no "
                "ConfigMap models: the Pod waits for it"
            ),
        ),
        (
            f"{TEMPLATE}.env",
            [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "a"}}}],
            (
                f"fails: {TEMPLATE}.env[0].valueFrom.secretKeyRef.name: there is no Secret keys: "
                "the Pod waits for it"
            ),
        ),
        (
            "spec.workload.credentials",
            {"secretName": "s3"},
            (
                "fails: spec.workload.credentials.secretName: there is no Secret s3: the Pod "
                "waits for it"
            ),
        ),
        (
            f"{TEMPLATE}.priorityClassName",
            "low",
            (
                f"fails: {TEMPLATE}.priorityClassName: there is no PriorityClass low: Pods are "
                "refused"
            ),
        ),
        (
            "spec.nodePools[1].runtimeClassName",
            "nvidia",
            (
                "fails: spec.nodePools[1].runtimeClassName: there is no RuntimeClass nvidia: Pods "
                "are refused"
            ),
        ),
        (
            f"{TEMPLATE}.imagePullSecrets",
            [{"name": "registry"}],
            (
                f"warning: {TEMPLATE}.imagePullSecrets[0].name: there is no Secret registry: the "
                "image is pulled without it"
            ),
        ),
        (
            f"{TEMPLATE}.labels",
            {"kueue.x-k8s.io/queue-name": "gpus"},
            (
                f"fails: {TEMPLATE}.labels[kueue.x-k8s.io/queue-name]: there is no LocalQueue "
                "gpus: Kueue admits no Pod"
            ),
        ),
    ],
    ids=["claim", "projected", "variable", "credentials", "priority", "runtime", "pull", "queue"],
)
def test_what_is_named_and_missing_is_told_with_its_field(
    path: str, value: Any, expected: str
) -> None:
    tuning = a_tuning_on_pools(path, value)
    missing = {named.key: Presence.MISSING for named in objects_named(tuning.spec)}
    assert [expected] == found(tuning, objects=missing)


def test_what_may_be_missing_is_not_asked_for() -> None:
    tuning = parsed(
        edited(
            f"{TEMPLATE}.volumes",
            [
                {"name": "a", "configMap": {"name": "a", "optional": True}},
                {"name": "b", "secret": {"secretName": "b", "optional": True}},
            ],
            edited(f"{TEMPLATE}.env", [], a_cluster_document()),
        )
    )
    asked = [(named.key.kind, named.key.name) for named in objects_named(tuning.spec)]
    assert [
        (Kind.SECRET, "registry"),
        (Kind.LOCAL_QUEUE, "gpus"),
    ] == asked


def test_without_kueue_its_label_does_nothing() -> None:
    tuning = a_tuning_on_pools(f"{TEMPLATE}.labels", {"kueue.x-k8s.io/queue-name": "gpus"})
    objects = {ObjectKey(Kind.LOCAL_QUEUE, "gpus"): Presence.NOT_SERVED}
    (said,) = found(tuning, objects=objects)
    assert said.startswith("warning: ")
    assert said.endswith("the cluster has no Kueue: the label does nothing")


def test_what_may_not_be_read_is_unknown_and_never_missing() -> None:
    tuning = a_tuning_on_pools("spec.workload.credentials", {"secretName": "s3"})
    objects = {ObjectKey(Kind.SECRET, "s3"): Unread("secrets is forbidden")}
    assert [
        (
            "unknown: spec.workload.credentials.secretName: whether Secret s3 is there cannot be "
            "known: secrets is forbidden"
        )
    ] == found(tuning, objects=objects)


def test_what_was_not_asked_for_is_not_told() -> None:
    tuning = a_tuning_on_pools("spec.workload.credentials", {"secretName": "s3"})
    assert [] == found(tuning, objects={})


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        (
            None,
            (
                "unknown: spec.trial.image: the operator's own choice, which is not known here: "
                "--trial-image tells it"
            ),
        ),
        ("Trial:1", "fails: spec.trial.image: 'Trial:1' is no reference of an image"),
        ("a b", "fails: spec.trial.image: 'a b' is no reference of an image"),
        (
            "other:1",
            (
                "unknown: spec.trial.image: whether other:1 can be pulled shows with the first "
                "Pod: no node of the pools says that it has it"
            ),
        ),
    ],
    ids=["not known", "a capital letter", "a space", "on no node"],
)
def test_of_an_image_is_told_what_can_be_known(image: str | None, expected: str) -> None:
    assert [expected] == found(a_tuning_on_pools(), image=image)


def test_an_image_that_is_never_pulled_must_be_on_the_nodes() -> None:
    tuning = a_tuning_on_pools("spec.trial.imagePullPolicy", "Never")
    assert found(tuning) == []
    without_it = {"nodes": {"l4": (a_node("n-2", pool="l4"),)}}
    assert [
        (
            f"warning: spec.trial.image: 1 of 2 nodes of the pools have {IMAGE}, and "
            "imagePullPolicy is Never"
        )
    ] == found(tuning, **without_it)
    (fails,) = found(tuning, image="other:1")
    assert fails.startswith("fails: spec.trial.image: 0 of 2 nodes of the pools have other:1")


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        ("trial", {"trial:latest", "docker.io/library/trial:latest"}),
        ("team/trial:1", {"team/trial:1", "docker.io/team/trial:1"}),
        ("localhost/trial:1", {"localhost/trial:1"}),
        ("host:5000/a/trial", {"host:5000/a/trial:latest"}),
        ("h.io/a@sha256:" + "0" * 64, {"h.io/a@sha256:" + "0" * 64}),
        ("h.io/a:1@sha256:" + "0" * 64, {"h.io/a@sha256:" + "0" * 64}),
        ("a:1@sha256:00", set()),
        ("", set()),
        ("a/../b", set()),
        ("trial:", set()),
    ],
)
def test_a_reference_is_read_as_a_node_writes_it(reference: str, expected: set[str]) -> None:
    assert expected == full_names(reference)


def test_a_refusal_of_a_rehearsed_pod_is_told_in_the_clusters_words() -> None:
    admissions = {"a100": Refused("exceeded quota: gpus"), "l4": Unread("pods is forbidden")}
    assert [
        "fails: spec.nodePools[0]: its Pods are refused: exceeded quota: gpus",
        (
            "unknown: spec.nodePools[1]: whether its Pods are taken cannot be known: pods is "
            "forbidden"
        ),
    ] == found(a_tuning_on_pools(), admissions=admissions)


def test_a_refusal_for_what_is_missing_is_told_with_its_field_alone() -> None:
    tuning = a_tuning_on_pools(f"{TEMPLATE}.priorityClassName", "low")
    missing = {ObjectKey(Kind.PRIORITY_CLASS, "low"): Presence.MISSING}
    admissions = {"a100": Refused("no PriorityClass with name low was found")}
    (said,) = found(tuning, objects=missing, admissions=admissions)
    assert said.startswith(f"fails: {TEMPLATE}.priorityClassName: there is no PriorityClass low")


def test_a_quota_that_leaves_room_for_fewer_trials_is_told() -> None:
    edits = {"spec.nodePools[0].maxParallelTrials": 1, "spec.nodePools[1].maxParallelTrials": 1}
    tuning = a_tuning_on_pools("spec.parallelTrials", 4, **edits)
    quota = Quota("team", {"requests.nvidia.com/gpu": "8"}, {"requests.nvidia.com/gpu": "6"})
    assert [
        (
            f"warning: spec.parallelTrials: quota team leaves room for 2 of 4 trials of pool "
            f"{pool} at a time (requests.nvidia.com/gpu: 6 of 8 used)"
        )
        for pool in ("a100", "l4")
    ] == found(tuning, quotas=(quota,))


def test_that_a_quota_leaves_no_room_is_left_to_admission_to_say() -> None:
    quota = Quota("team", {"pods": "3"}, {"pods": "3"})
    said = found(a_tuning_on_pools("spec.parallelTrials", 4), quotas=(quota,))
    assert [] == [line for line in said if "quota" in line]


@pytest.mark.parametrize(
    ("hard", "used", "expected"),
    [
        ({"limits.memory": "10Gi"}, {"limits.memory": "1Gi"}, (4, "limits.memory")),
        ({"cpu": "1500m"}, {}, (3, "cpu")),
        ({"count/pods": "7", "pods": "5"}, {"pods": "3"}, (2, "pods")),
        ({"configmaps": "1"}, {}, (1_000_000, "")),
    ],
)
def test_the_room_in_a_quota_is_that_of_its_scarcest_resource(
    hard: dict[str, str], used: dict[str, str], expected: tuple[int, str]
) -> None:
    assert expected == room_in(Quota("team", hard, used), {"cpu": "500m", "memory": "2Gi"})


def test_the_worst_is_told_first() -> None:
    tuning = a_tuning_on_pools("spec.workload.credentials", {"secretName": "s3"})
    said = found(tuning, objects={ObjectKey(Kind.SECRET, "s3"): Presence.MISSING}, image="other:1")
    assert ["fails", "unknown"] == [line.partition(":")[0] for line in said]
