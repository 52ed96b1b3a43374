"""What the chart makes of its values: objects that hold together, with the rights of the code."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
import yaml
from clusters.binaries import KUBERNETES
from clusters.helm import CHART, NAMESPACE, RELEASE, Helm, Json

import deploytune
from deploytune.api.crds import RESOURCES, build_crd
from deploytune.api.rbac import Installation, operator_objects, release_objects, user_objects
from deploytune.api.reading import parse_tuning
from deploytune.api.rules import check_stock_trial
from deploytune.cli import operator

CI_VALUES = sorted((CHART / "ci").glob("*.yaml"))
WATCHED = ("team-a", "team-b")
MONITORING = "--api-versions=" + ",".join(
    f"monitoring.coreos.com/v1/{kind}"
    for kind in ("ServiceMonitor", "PodMonitor", "PrometheusRule")
)
BY_CI_VALUES = pytest.mark.parametrize("values", CI_VALUES, ids=[path.stem for path in CI_VALUES])
BY_MODE = pytest.mark.parametrize("watched", [(), WATCHED], ids=["all namespaces", "two of them"])


def of_kind(objects: Iterable[Json], *kinds: str) -> list[Json]:
    return [each for each in objects if each["kind"] in kinds]


def only(objects: Iterable[Json], kind: str) -> Json:
    [found] = of_kind(objects, kind)
    return found


def hook_of(item: Json) -> str:
    return str(item["metadata"].get("annotations", {}).get("helm.sh/hook", ""))


def without_hooks(objects: Iterable[Json]) -> list[Json]:
    return [each for each in objects if not hook_of(each)]


def pod_templates(objects: Iterable[Json]) -> Iterator[Json]:
    for each in objects:
        if each["kind"] == "Pod":
            yield each
        elif "template" in each.get("spec", {}):
            yield each["spec"]["template"]


def operator_container(objects: Iterable[Json]) -> Json:
    [container] = only(objects, "Deployment")["spec"]["template"]["spec"]["containers"]
    return dict(container)


def essence(item: Json) -> Json:
    """An object without what Helm adds to any: labels and annotations."""
    metadata = {
        key: item["metadata"][key] for key in ("name", "namespace") if key in item["metadata"]
    }
    rest = {key: value for key, value in item.items() if key != "automountServiceAccountToken"}
    return {**rest, "metadata": metadata}


def essences(objects: Iterable[Json]) -> list[Json]:
    return sorted(map(essence, objects), key=repr)


def parsed(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    operator.add_arguments(parser)
    return parser.parse_args(arguments)


@BY_CI_VALUES
def test_it_passes_the_strict_linter(helm: Helm, values: Path) -> None:
    said = helm.run("lint", "--strict", f"--kube-version={KUBERNETES}", "--values", values, CHART)

    assert "1 chart(s) linted, 0 chart(s) failed" in said


def test_without_any_values_there_is_the_operator_and_nothing_optional(helm: Helm) -> None:
    made = [(each["kind"], each["metadata"]["name"]) for each in without_hooks(helm.template())]

    assert sorted(made) == [
        ("ClusterRole", "deploytune"),
        ("ClusterRole", "deploytune-edit"),
        ("ClusterRole", "deploytune-view"),
        ("ClusterRoleBinding", "deploytune"),
        ("CustomResourceDefinition", "deploymenttunings.deploytune.dev"),
        ("CustomResourceDefinition", "tuningtrials.deploytune.dev"),
        ("Deployment", "deploytune"),
        ("Role", "deploytune-lease"),
        ("RoleBinding", "deploytune-lease"),
        ("Service", "deploytune-metrics"),
        ("ServiceAccount", "deploytune"),
    ]


def test_what_is_optional_is_made_when_asked_for(helm: Helm) -> None:
    everything = helm.template("--values", CHART / "ci/everything-values.yaml")
    monitoring = helm.template(MONITORING, "--values", CHART / "ci/monitoring-values.yaml")

    optional = ("ConfigMap", "NetworkPolicy", "PodDisruptionBudget")
    assert set(optional) == {each["kind"] for each in of_kind(everything, *optional)}
    monitors = ("ServiceMonitor", "PodMonitor", "PrometheusRule")
    assert set(monitors) == {each["kind"] for each in of_kind(monitoring, *monitors)}


@BY_CI_VALUES
def test_every_object_but_those_of_the_cluster_names_its_namespace(
    helm: Helm, values: Path
) -> None:
    made = helm.template(MONITORING, "--values", values)

    assert [] == [
        each["metadata"]["name"]
        for each in made
        if each["kind"] not in ("ClusterRole", "ClusterRoleBinding", "CustomResourceDefinition")
        and "namespace" not in each["metadata"]
    ]


@BY_MODE
def test_the_operator_gets_the_rights_that_the_code_names(
    helm: Helm, watched: tuple[str, ...]
) -> None:
    made = helm.template(values={"watchNamespaces": list(watched), "rbac": {"aggregate": False}})
    expected = operator_objects(Installation(RELEASE, NAMESPACE, watched))

    assert essences(expected) == essences(of_kind(without_hooks(made), *KINDS_OF_RIGHTS))


@BY_MODE
def test_the_operator_may_read_nodes_where_that_is_asked_for(
    helm: Helm, watched: tuple[str, ...]
) -> None:
    rights = {"aggregate": False, "nodes": True}
    made = helm.template(values={"watchNamespaces": list(watched), "rbac": rights})
    expected = operator_objects(Installation(RELEASE, NAMESPACE, watched, reads_nodes=True))

    assert essences(expected) == essences(of_kind(without_hooks(made), *KINDS_OF_RIGHTS))


def test_installations_of_the_same_name_share_no_right_to_read_nodes(helm: Helm) -> None:
    values = {"watchNamespaces": list(WATCHED), "rbac": {"aggregate": False, "nodes": True}}
    made = helm.template(values=values)

    assert [f"{RELEASE}-{NAMESPACE}-nodes"] == [
        each["metadata"]["name"] for each in of_kind(without_hooks(made), "ClusterRole")
    ]


@BY_MODE
def test_what_cleans_up_gets_the_rights_that_the_code_names(
    helm: Helm, watched: tuple[str, ...]
) -> None:
    made = helm.template(values={"watchNamespaces": list(watched)})
    hooks = [each for each in made if hook_of(each) == "post-delete"]
    expected = release_objects(Installation(f"{RELEASE}-release", NAMESPACE, watched))

    assert essences(expected) == essences(of_kind(hooks, *KINDS_OF_RIGHTS))
    assert "release-pods" == pod_name(only(hooks, "Job"))


KINDS_OF_RIGHTS = ("ServiceAccount", "Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding")


def pod_name(job: Json) -> str:
    [container] = job["spec"]["template"]["spec"]["containers"]
    return str(container["name"])


@pytest.mark.parametrize(
    ("watched", "name"), [((), RELEASE), (WATCHED, f"{RELEASE}-{NAMESPACE}")], ids=["all", "two"]
)
def test_people_get_the_rights_that_the_code_names(
    helm: Helm, watched: tuple[str, ...], name: str
) -> None:
    made = helm.template(values={"watchNamespaces": list(watched)})
    aggregated = [each for each in made if aggregations(each)]
    expected = list(user_objects(name))

    assert essences(expected) == essences(aggregated)
    assert [aggregations(each) for each in expected] == [aggregations(each) for each in aggregated]


def aggregations(item: Json) -> list[str]:
    return sorted(label for label in item["metadata"].get("labels", {}) if "aggregate-to" in label)


def test_the_definitions_are_those_of_the_code_and_are_kept(helm: Helm) -> None:
    definitions = of_kind(helm.template(), "CustomResourceDefinition")

    assert essences(map(build_crd, RESOURCES)) == essences(definitions)
    for each in definitions:
        assert "keep" == each["metadata"]["annotations"]["helm.sh/resource-policy"]


def test_the_definitions_may_go_with_the_chart_or_be_left_to_another(helm: Helm) -> None:
    going = of_kind(helm.template(values={"crds": {"keep": False}}), "CustomResourceDefinition")

    assert [None, None] == [each["metadata"].get("annotations") for each in going]
    left = helm.template(values={"crds": {"enabled": False}})
    assert [] == of_kind(left, "CustomResourceDefinition")


@BY_CI_VALUES
def test_every_pod_is_restricted_and_cannot_write_its_image(helm: Helm, values: Path) -> None:
    pods = [each["spec"] for each in pod_templates(helm.template(MONITORING, "--values", values))]

    assert 3 == len(pods)
    for pod in pods:
        assert {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}} == pod[
            "securityContext"
        ]
        assert "hostNetwork" not in pod
        [container] = pod["containers"]
        assert {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        } == container["securityContext"]


def test_what_selects_pods_never_changes_and_selects_only_the_operator(helm: Helm) -> None:
    made = helm.template("--values", CHART / "ci/everything-values.yaml")
    labels = [each["metadata"]["labels"] for each in pod_templates(made)]
    selectors = [
        only(made, "Deployment")["spec"]["selector"]["matchLabels"],
        only(made, "Service")["spec"]["selector"],
        only(made, "NetworkPolicy")["spec"]["podSelector"]["matchLabels"],
        only(made, "PodDisruptionBudget")["spec"]["selector"]["matchLabels"],
    ]

    for selector in selectors:
        assert {f"app.kubernetes.io/{key}" for key in ("name", "instance", "component")} == set(
            selector
        )
        assert 1 == sum(selector.items() <= own.items() for own in labels)


def test_the_operator_understands_its_arguments(helm: Helm) -> None:
    made = helm.template("--values", CHART / "ci/namespaced-values.yaml")
    [job] = of_kind(made, "Job")
    [cleaning] = job["spec"]["template"]["spec"]["containers"]

    told = parsed(operator_container(made)["args"])
    assert list(WATCHED) == told.namespace
    assert "registry.example/ml/deploytune-trial:0.1.0-cpu" == told.trial_image
    assert (RELEASE, False) == (told.lease_name, told.release_pods)
    assert ("http://0.0.0.0:8080/healthz", "http://0.0.0.0:8080/metrics") == (
        told.liveness,
        told.metrics,
    )
    cleans = parsed(cleaning["args"])
    assert (list(WATCHED), RELEASE, True) == (
        cleans.namespace,
        cleans.lease_name,
        cleans.release_pods,
    )


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        ({}, f"deploytune-operator:{deploytune.__version__}"),
        ({"tag": "edge"}, "deploytune-operator:edge"),
        ({"tag": "edge", "digest": "sha256:" + "a" * 64}, "deploytune-operator@sha256:" + "a" * 64),
        ({"repository": "mirror.example/tuner"}, f"mirror.example/tuner:{deploytune.__version__}"),
    ],
    ids=["of this version", "by tag", "by digest", "from elsewhere"],
)
def test_an_image_is_named_by_digest_tag_or_version(
    helm: Helm, image: dict[str, str], expected: str
) -> None:
    assert expected == operator_container(helm.template(values={"image": image}))["image"]


@pytest.mark.parametrize("kind", ["ServiceMonitor", "PodMonitor", "PrometheusRule"])
def test_a_monitor_without_its_definition_is_refused_in_one_line(helm: Helm, kind: str) -> None:
    value = kind[0].lower() + kind[1:]
    refused = helm.attempt("template", RELEASE, CHART, values={value: {"enabled": True}})

    assert refused.returncode != 0
    [line] = [line for line in refused.stderr.splitlines() if value in line]
    assert f"{value}.enabled must be false: the cluster does not know" in line


def test_the_alerts_of_the_operator_are_those_of_the_file(helm: Helm) -> None:
    made = helm.template(MONITORING, "--values", CHART / "ci/monitoring-values.yaml")

    expected = yaml.safe_load((CHART / "files/alerts.yaml").read_text())
    assert expected == only(made, "PrometheusRule")["spec"]


def test_the_chart_is_of_the_version_of_the_code() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())

    assert deploytune.__version__ == chart["appVersion"] == chart["version"]


def test_the_minimal_tuning_is_one() -> None:
    text = (CHART / "files/minimal-tuning.yaml").read_text()

    check_stock_trial(parse_tuning(text, "minimal-tuning.yaml"))


def test_the_notes_show_it(helm: Helm) -> None:
    options = ("--dry-run=client", "--namespace", NAMESPACE, "--generate-name")
    notes = helm.run("install", *options, CHART).partition("NOTES:\n")[2]

    minimal = (CHART / "files/minimal-tuning.yaml").read_text()
    assert [line.rstrip() for line in minimal.splitlines()] == [
        line.removeprefix("    ")
        for line in notes.splitlines()
        if line.strip() in stripped(minimal)
    ]


def stripped(text: str) -> set[str]:
    return {line.strip() for line in text.splitlines()}
