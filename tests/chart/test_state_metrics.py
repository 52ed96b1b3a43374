"""The configuration of kube-state-metrics: what it asks of a tuning, a tuning has."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pytest
import yaml
from chart.exposed import exposed_names
from clusters.helm import CHART, NAMESPACE, RELEASE, Helm
from clusters.places import REPOSITORY

from deploytune.api.crds import RESOURCES, build_crd

Json = dict[str, Any]

CONFIGURATION: Json = yaml.safe_load((CHART / "files/kube-state-metrics.yaml").read_text())
[RESOURCE] = CONFIGURATION["spec"]["resources"]
METRICS: Sequence[Json] = RESOURCE["metrics"]
PREFIX = RESOURCE["metricNamePrefix"]
PAGE = (REPOSITORY / "operator/docs/metrics.md").read_text(encoding="utf-8")

IN_EVERY_OBJECT: Json = {
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "namespace": {"type": "string"},
        "creationTimestamp": {"type": "string"},
    },
}
VALUES = ("integer", "number")
TIMES = ("creationTimestamp", "startTime", "completionTime", "lastTransitionTime")
TRUTHS = ("status",)
"""Strings that kube-state-metrics reads as numbers: RFC 3339, and True, False or Unknown."""


def schema_of_tunings() -> Json:
    [crd] = (build_crd(one) for one in RESOURCES if one.kind == "DeploymentTuning")
    schema: Json = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    return {**schema, "properties": {**schema["properties"], "metadata": IN_EVERY_OBJECT}}


def at(schema: Json, path: Sequence[str]) -> Json:
    """Return the schema at a path; a step that is not there is a KeyError."""
    for step in path:
        schema = schema["items"] if step.isdecimal() else schema["properties"][step]
    return schema


def each_in(schema: Json) -> Json:
    """Return what kube-state-metrics makes one series of: an item, or a value of a map."""
    each: Json = schema.get("items") or schema.get("additionalProperties") or schema
    return each


def paths_of(metric: Json) -> Iterator[tuple[Json, Sequence[str]]]:
    """Yield every path of a metric, with the schema that it starts from."""
    tuning = schema_of_tunings()
    body = body_of(metric)
    yield tuning, body.get("path", [])
    start = each_in(at(tuning, body.get("path", [])))
    for path in body.get("labelsFromPath", {}).values():
        yield start, path
    yield start, body.get("valueFrom", [])


def body_of(metric: Json) -> Json:
    body: Json = metric["each"][metric["each"]["type"].lower()]
    return body


def labels_of(metric: Json) -> list[str]:
    body = body_of(metric)
    key = [body["labelFromKey"]] if "labelFromKey" in body else []
    return [*RESOURCE["labelsFromPath"], *key, *body.get("labelsFromPath", {})]


EACH_METRIC = pytest.mark.parametrize("metric", METRICS, ids=lambda metric: str(metric["name"]))


@EACH_METRIC
def test_every_path_is_one_of_a_tuning(metric: Json) -> None:
    for start, path in paths_of(metric):
        assert at(start, path)


def test_a_path_that_is_none_is_found_out() -> None:
    with pytest.raises(KeyError):
        at(schema_of_tunings(), ["status", "bets", "trial"])


def test_labels_of_all_metrics_are_of_a_tuning() -> None:
    for path in RESOURCE["labelsFromPath"].values():
        assert at(schema_of_tunings(), path)["type"] == "string"


@EACH_METRIC
def test_every_value_is_a_number_a_time_or_a_truth(metric: Json) -> None:
    body = body_of(metric)
    if metric["each"]["type"] == "Info":
        assert "valueFrom" not in body
        return
    where = [*body["path"], *body.get("valueFrom", [])]
    start = each_in(at(schema_of_tunings(), body["path"]))
    value = at(start, body.get("valueFrom", []))
    assert value["type"] in VALUES or where[-1] in (*TIMES, *TRUTHS)


@EACH_METRIC
def test_maps_show_their_keys_and_lists_what_tells_their_items_apart(metric: Json) -> None:
    body = body_of(metric)
    schema = at(schema_of_tunings(), body.get("path", []))
    assert ("additionalProperties" in schema) == ("labelFromKey" in body)
    if "items" in schema:
        assert set(schema["items"]["required"]) & set(body["labelsFromPath"])


def test_margins_to_several_limits_of_a_metric_are_told_apart() -> None:
    [margin] = [metric for metric in METRICS if metric["name"] == "best_margin"]
    assert {"metric", "limit"} <= set(labels_of(margin))


def test_no_name_is_taken_twice_nor_by_the_operator() -> None:
    names = [f"{PREFIX}_{metric['name']}" for metric in METRICS]
    assert len(names) == len(set(names))
    assert set() == set(names) & exposed_names()


def test_the_page_has_every_metric() -> None:
    rows = [
        f"| `{PREFIX}_{metric['name']}{{{','.join(labels_of(metric))}}}` | {metric['help']} |"
        for metric in METRICS
    ]
    assert rows == [line for line in PAGE.splitlines() if line.startswith(f"| `{PREFIX}_")]


@pytest.mark.parametrize("place", ["", "monitoring"], ids=["the release's", "another"])
def test_the_chart_hands_it_over_in_the_namespace_that_is_asked_for(helm: Helm, place: str) -> None:
    values = {"kubeStateMetrics": {"enabled": True, "namespace": place}}
    [found] = [each for each in helm.template(values=values) if each["kind"] == "ConfigMap"]

    assert f"{RELEASE}-kube-state-metrics" == found["metadata"]["name"]
    assert (place or NAMESPACE) == found["metadata"]["namespace"]
    assert CONFIGURATION == yaml.safe_load(found["data"]["deploytune.yaml"])
