"""Values that are wrong are refused, by name; those there are, are documented."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from chart.values_table import table_of, values_of
from clusters.helm import CHART, RELEASE, Helm

SCHEMA = json.loads((CHART / "values.schema.json").read_text())
VALUES = (CHART / "values.yaml").read_text()
OF_PARENTS = {"global", "enabled"}
"""What a chart that includes this one may hand down."""


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"replica": 2}, ("replica",)),
        ({"crds": {"kept": True}}, ("crds", "kept")),
        ({"metrics": {"service": {"ports": 80}}}, ("metrics", "service", "ports")),
        ({"replicas": "two"}, ("replicas", "integer")),
        ({"logLevel": "verbose"}, ("logLevel", "debug")),
        ({"watchNamespaces": "team-a"}, ("watchNamespaces", "array")),
        ({"watchNamespaces": ["team-a", "team-a"]}, ("watchNamespaces",)),
        ({"image": {"digest": "latest"}}, ("digest",)),
        ({"metrics": {"port": 80}}, ("port", "minimum")),
        ({"registry": "registry.example/"}, ("registry",)),
    ],
    ids=lambda case: json.dumps(case) if isinstance(case, dict) else "",
)
def test_a_wrong_value_is_refused_by_name(
    helm: Helm, values: dict[str, Any], words: tuple[str, ...]
) -> None:
    refused = helm.attempt("template", RELEASE, CHART, values=values)

    assert refused.returncode != 0
    for word in words:
        assert word in refused.stderr


def test_a_chart_that_includes_this_one_may_hand_values_down(helm: Helm) -> None:
    assert helm.template(values={"global": {"domain": "example"}, "enabled": True})


def test_the_schema_knows_exactly_the_values_there_are() -> None:
    assert set(paths_of(yaml.safe_load(VALUES))) == set(schema_paths(SCHEMA)) - OF_PARENTS


def paths_of(values: dict[str, Any], prefix: str = "") -> Iterator[str]:
    for key, value in values.items():
        yield prefix + key
        if isinstance(value, dict) and closed(SCHEMA, f"{prefix}{key}".split(".")):
            yield from paths_of(value, f"{prefix}{key}.")


def schema_paths(schema: dict[str, Any], prefix: str = "") -> Iterator[str]:
    for key, child in schema.get("properties", {}).items():
        yield prefix + key
        if "properties" in child:
            yield from schema_paths(child, f"{prefix}{key}.")


def closed(schema: dict[str, Any], path: list[str]) -> bool:
    """Whether the schema names every key below a path, so that a typing error is refused."""
    for step in path:
        schema = schema["properties"].get(step, {})
    assert "properties" not in schema or schema["additionalProperties"] is False
    return "properties" in schema


def test_every_value_is_explained() -> None:
    assert [] == [value.path for value in values_of(VALUES) if not value.meaning]


def test_the_readme_has_the_table_of_values() -> None:
    readme = (CHART / "README.md").read_text()

    assert table_of(VALUES) in readme, "run python -m chart.values_table"
