"""The reference of the API is that of the models, has every field, and its links lead somewhere."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from deploytune.api.crds import RESOURCES, build_crd
from deploytune.api.reference import PAGE, anchor_of, reference_page

Schema = dict[str, Any]

ROOT = Path(__file__).parents[3]
TEXT = (ROOT / PAGE).read_text(encoding="utf-8")
HEADINGS = re.findall(r"^#+ (.+)$", TEXT, re.MULTILINE)
SECTIONS = dict(re.findall(r"^### (\S+)\n(.*?)(?=^##|\Z)", TEXT, re.MULTILINE | re.DOTALL))


def objects_of(path: str, schema: Schema) -> Iterator[tuple[str, Schema]]:
    """Walk the objects with fields of a CRD, as paths with `[]` for items and `.*` for values."""
    if "properties" in schema:
        yield path, schema
    for name, field in schema.get("properties", {}).items():
        yield from objects_of(f"{path}.{name}", field)
    if "items" in schema:
        yield from objects_of(f"{path}[]", schema["items"])
    if "additionalProperties" in schema:
        yield from objects_of(f"{path}.*", schema["additionalProperties"])


def all_objects() -> dict[str, Schema]:
    found: dict[str, Schema] = {}
    for resource in RESOURCES:
        schema = build_crd(resource)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
        for part in ("spec", "status"):
            found |= objects_of(f"{resource.kind}.{part}", schema["properties"][part])
    return found


def row_of(section: str, field: str) -> str:
    row: str
    (row,) = (line for line in SECTIONS[section].splitlines() if line.startswith(f"| `{field}` |"))
    return row


def test_the_page_is_the_generated_one() -> None:
    assert TEXT == reference_page(), "run python -m deploytune.api.reference"


def test_every_object_has_a_section_and_every_field_a_row() -> None:
    assert {path: list(schema["properties"]) for path, schema in all_objects().items()} == {
        path: re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE) for path, text in SECTIONS.items()
    }


def test_every_link_within_the_page_leads_to_one_heading() -> None:
    anchors = [anchor_of(heading) for heading in HEADINGS]

    assert len(anchors) == len(set(anchors))
    assert set(re.findall(r"\(#([^)]+)\)", TEXT)) <= set(anchors)


def test_every_rule_between_fields_stands_under_its_object() -> None:
    rules = {
        (path, rule.get("message") or rule["rule"])
        for path, schema in all_objects().items()
        for rule in schema.get("x-kubernetes-validations", ())
    }

    assert len(rules) > 30
    assert [(path, words) for path, words in rules if words not in SECTIONS[path]] == []


def test_a_row_has_type_default_rule_and_meaning() -> None:
    budget = "DeploymentTuning.spec.budget"
    expected = (
        "| `confirmations` | integer | `3` | 0 to 20 | "
        "re-measurements of the winner in fresh processes |"
    )
    assert expected == row_of(budget, "confirmations")
    assert "| `maxTrials` | integer | required | 1 to 10000 |" in row_of(budget, "maxTrials")


def test_an_exclusive_bound_is_none_that_may_be_reached() -> None:
    step = row_of("DeploymentTuning.spec.searchSpace.parameters[]", "step")
    assert "above 0, at most 1e+15" in step
