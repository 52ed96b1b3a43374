"""The CRDs on disk are those of the models, and hold what an API server demands of a schema."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from change_cases import MUTABLE

from deploytune.api.crds import CHART_FOLDER, RESOURCES, build_crd, chart_files, crd_files
from deploytune.api.cross_field import RULES

Schema = dict[str, Any]

ROOT = Path(__file__).parents[3]
CRDS = {resource.kind: build_crd(resource) for resource in RESOURCES}
BOTH = pytest.mark.parametrize("kind", CRDS)

# Kubernetes' structural schemas: no others may stand at a node, and none of the typed ones below
# allOf, anyOf, oneOf and not.
KEYWORDS = {
    "description",
    "type",
    "properties",
    "required",
    "items",
    "additionalProperties",
    "default",
    "enum",
    "pattern",
    "minLength",
    "maxLength",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "minItems",
    "maxItems",
    "minProperties",
    "maxProperties",
    "anyOf",
    "x-kubernetes-list-type",
    "x-kubernetes-list-map-keys",
    "x-kubernetes-preserve-unknown-fields",
    "x-kubernetes-validations",
}
IN_LOGIC = {"properties", "required", "enum", "not"}
TYPES = {"object", "array", "string", "number", "integer", "boolean"}


def version_of(kind: str) -> Schema:
    version: Schema = CRDS[kind]["spec"]["versions"][0]
    return version


def schema_of(kind: str) -> Schema:
    schema: Schema = version_of(kind)["schema"]["openAPIV3Schema"]
    return schema


def nodes_of(schema: Schema, path: str = "") -> Iterator[tuple[str, Schema]]:
    """Yield every node of a schema, those in logic left out."""
    yield path, schema
    for name, child in schema.get("properties", {}).items():
        yield from nodes_of(child, f"{path}.{name}")
    for keyword in ("items", "additionalProperties"):
        if keyword in schema:
            yield from nodes_of(schema[keyword], f"{path}[]")


def own_nodes_of(kind: str) -> list[tuple[str, Schema]]:
    """Every node but those that Kubernetes itself defines."""
    kubernetes = {".apiVersion", ".kind", ".metadata"}
    return [(path, node) for path, node in nodes_of(schema_of(kind)) if path not in kubernetes]


def is_scalar_leaf(node: Schema) -> bool:
    return "x-kubernetes-preserve-unknown-fields" in node


def value_at(schema: Schema, path: str) -> Schema | None:
    node: Schema | None = schema
    for step in path.split(".")[1:]:
        if node is None:
            return None
        name, bracket, _ = step.partition("[")
        node = node.get("properties", {}).get(name, node.get("additionalProperties"))
        node = node["items"] if node is not None and bracket else node
    return node


@pytest.mark.parametrize(("name", "expected"), list(crd_files()), ids=[n for n, _ in crd_files()])
def test_the_file_is_what_the_models_say(name: str, expected: str) -> None:
    assert (ROOT / "crds" / name).read_text() == expected, "run python -m deploytune.api.crds"


@pytest.mark.parametrize("folder", [Path("crds"), CHART_FOLDER], ids=["crds", "chart"])
def test_there_are_no_other_files(folder: Path) -> None:
    assert {path.name for path in (ROOT / folder).iterdir()} == {name for name, _ in crd_files()}


@pytest.mark.parametrize(("name", "expected"), list(chart_files()), ids=[n for n, _ in crd_files()])
def test_the_template_is_what_the_models_say(name: str, expected: str) -> None:
    assert (ROOT / CHART_FOLDER / name).read_text() == expected, "run python -m deploytune.api.crds"


def run_generator(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "deploytune.api.crds", str(folder), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("folder", ["crds", "charts/deploytune/templates/crds"])
def test_the_check_fails_on_an_edited_file_and_writes_nothing(folder: str, tmp_path: Path) -> None:
    assert run_generator(tmp_path).returncode == 0
    assert run_generator(tmp_path, "--check").returncode == 0
    edited = tmp_path / folder / "tuningtrials.deploytune.dev.yaml"
    edited.write_text("edited by hand")

    checked = run_generator(tmp_path, "--check")

    assert checked.returncode == 1
    assert str(edited) in checked.stderr
    assert edited.read_text() == "edited by hand"


@BOTH
def test_the_yaml_reads_as_what_was_built(kind: str) -> None:
    text = dict(crd_files())[f"{kind.lower()}s.deploytune.dev.yaml"]

    assert yaml.safe_load(text) == CRDS[kind]
    assert "&" not in text.replace("&&", "")


@BOTH
def test_every_node_is_structural(kind: str) -> None:
    for path, node in nodes_of(schema_of(kind)):
        assert set(node) <= KEYWORDS, path
        if is_scalar_leaf(node):
            assert "type" not in node, path
        else:
            assert node["type"] in TYPES, path
        for logic in node.get("anyOf", []):
            assert set(logic) <= IN_LOGIC, path
            assert set(logic.get("properties", {})) <= set(node["properties"]), path


@BOTH
def test_every_object_is_closed(kind: str) -> None:
    for path, node in own_nodes_of(kind):
        if node.get("type") == "object":
            assert ("properties" in node) != ("additionalProperties" in node), path
            assert set(node.get("required", [])) <= set(node.get("properties", {})), path
        if is_scalar_leaf(node):
            assert (node["maxItems"], node["maxProperties"]) == (0, 0), path


@BOTH
def test_everything_has_a_bound(kind: str) -> None:
    bounds = {
        "string": ("maxLength",),
        "array": ("maxItems",),
        "number": ("minimum", "maximum"),
        "integer": ("minimum", "maximum"),
    }
    for path, node in own_nodes_of(kind):
        for bound in bounds.get(node.get("type", ""), ()):
            assert bound in node, path
        if "additionalProperties" in node:
            assert "maxProperties" in node, path


@BOTH
def test_every_list_says_how_it_merges(kind: str) -> None:
    for path, node in own_nodes_of(kind):
        if node.get("type") != "array":
            continue
        assert node["x-kubernetes-list-type"] in ("atomic", "map"), path
        for key in node.get("x-kubernetes-list-map-keys", []):
            assert key in node["items"]["required"], path
            assert node["items"]["properties"][key]["type"] in ("string", "integer"), path


@BOTH
def test_every_description_starts_with_its_field(kind: str) -> None:
    for path, node in nodes_of(schema_of(kind)):
        for name, child in node.get("properties", {}).items():
            if (path, name) != ("", "metadata"):
                text = child["description"]
                assert text.startswith(f"{name}: "), f"{path}.{name}"
                assert len(text) > len(name) + 2, f"{path}.{name}"


@BOTH
def test_only_optional_fields_of_the_spec_have_defaults(kind: str) -> None:
    for path, node in nodes_of(schema_of(kind)):
        for name in node.get("required", []):
            assert "default" not in node["properties"][name], f"{path}.{name}"
        if path.startswith(".status"):
            assert "default" not in node, path
            assert "enum" not in node, path


@BOTH
def test_every_immutable_field_is_always_present_or_asked_for(kind: str) -> None:
    """A rule `self.x == oldSelf.x` fails where x is absent, so x is required or has a default."""
    for path, node in nodes_of(schema_of(kind)):
        for validation in node.get("x-kubernetes-validations", []):
            if validation.get("message") != "is immutable" or "fieldPath" not in validation:
                continue
            field = validation["fieldPath"][1:]
            always = field in node.get("required", []) or "default" in node["properties"][field]
            assert always != validation["rule"].startswith("has("), f"{path}.{field}"


@BOTH
def test_every_field_path_of_a_rule_exists(kind: str) -> None:
    for path, node in nodes_of(schema_of(kind)):
        for validation in node.get("x-kubernetes-validations", []):
            field = validation.get("fieldPath")
            assert field is None or field[1:] in node["properties"], path


def test_every_rule_stands_in_a_crd() -> None:
    expected = {rule.cel for rules in RULES.values() for rule in rules}
    written = {
        validation["rule"]
        for kind in CRDS
        for _, node in nodes_of(schema_of(kind))
        for validation in node.get("x-kubernetes-validations", [])
    }

    assert written == expected


def test_names_are_those_that_users_type() -> None:
    names = CRDS["DeploymentTuning"]["spec"]["names"], CRDS["TuningTrial"]["spec"]["names"]

    assert [one["shortNames"] for one in names] == [["dtune"], ["ttrial"]]
    assert all(one["categories"] == ["deploytune"] for one in names)


@BOTH
def test_the_status_is_a_subresource(kind: str) -> None:
    assert version_of(kind)["subresources"] == {"status": {}}


def test_trials_can_be_selected_by_outcome() -> None:
    assert version_of("TuningTrial")["selectableFields"] == [{"jsonPath": ".status.outcome"}]
    assert value_at(schema_of("TuningTrial"), ".status.outcome") is not None


@BOTH
def test_every_column_shows_a_field(kind: str) -> None:
    for column in version_of(kind)["additionalPrinterColumns"]:
        path = column["jsonPath"].replace(".metadata.creationTimestamp", ".metadata")
        path = path.replace('[?(@.type=="', "[").replace('")]', "]")
        assert value_at(schema_of(kind), path) is not None, column


def test_a_trial_may_not_change() -> None:
    spec = value_at(schema_of("TuningTrial"), ".spec")

    assert spec is not None
    assert spec["x-kubernetes-validations"] == [
        {"rule": "self == oldSelf", "message": "is immutable"}
    ]


def immutable_fields(kind: str) -> Iterator[str]:
    """Yield the path of every field of which a rule says that it is immutable."""
    for path, node in nodes_of(schema_of(kind)):
        for validation in node.get("x-kubernetes-validations", []):
            if validation.get("message") == "is immutable":
                yield path + validation.get("fieldPath", "")


def lies_in(path: str, places: set[str]) -> bool:
    return any(path == place or path.startswith((f"{place}.", f"{place}[")) for place in places)


KEPT_BY_OTHER_RULES = (".spec.nodePools", ".spec.nodePools[].name")
_ANY_ITEM = re.compile(r"\[\d+\]")


def test_what_a_user_must_be_able_to_mend_is_all_that_is_mutable() -> None:
    """Every leaf of the spec is either on the list of what may be mended, or lies in a rule."""
    immutable = set(immutable_fields("DeploymentTuning"))
    mendable = {"." + _ANY_ITEM.sub("[]", path) for path in MUTABLE}
    leaves = [
        path
        for path, node in nodes_of(schema_of("DeploymentTuning"))
        if path.startswith(".spec.") and "properties" not in node
    ]

    found = {
        path: (lies_in(path, immutable), lies_in(path, mendable))
        for path in leaves
        if path not in KEPT_BY_OTHER_RULES
    }

    assert {path: one for path, one in found.items() if one[0] == one[1]} == {}
