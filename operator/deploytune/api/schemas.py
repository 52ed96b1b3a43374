"""A pydantic model as a structural, closed OpenAPI schema, as a CRD holds it.

What pydantic writes is not structural: references are put in their place, `| None` means not
required, a constant is an enum of one, an exclusive bound is a bound with a mark, and the value of
a parameter is a leaf without a type (ADR 0002). Cross-field rules come from `cross_field.py`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from enum import Enum
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from deploytune.api.cross_field import FORMS, rules_of
from deploytune.contract.models import LONGEST_TEXT

Schema = dict[str, Any]

_SCALARS = ["boolean", "integer", "number", "string"]
_STATUS_WORD_LENGTH = 63
_LIST_KEYS = ("mountPath", "name", "type", "attempt")
_COPIED = (
    "pattern",
    "minLength",
    "maxLength",
    "minimum",
    "maximum",
    "minItems",
    "maxItems",
    "minProperties",
    "maxProperties",
    "enum",
    "anyOf",
    "x-kubernetes-validations",
)

_SCALAR_LEAF: Schema = {
    "x-kubernetes-preserve-unknown-fields": True,
    "maxLength": LONGEST_TEXT,
    "maxItems": 0,
    "maxProperties": 0,
}
"""A string, a number or a boolean: no type may be named, but what it is not may."""


def structural_schema(model: type[BaseModel], *, is_status: bool = False) -> Schema:
    """Return the schema of a model; that of a status has no enums and no defaults."""
    raw = model.model_json_schema(schema_generator=_Generator, mode="validation")
    return _Structure(raw.get("$defs", {}), is_status=is_status).of(raw)


class _Generator(GenerateJsonSchema):
    """pydantic's generator, which adds each model's rules and writes defaults as YAML has them."""

    def model_schema(self, schema: core_schema.ModelSchema) -> JsonSchemaValue:
        written = super().model_schema(schema)
        model = schema["cls"]
        rules = [rule.as_validation() for rule in rules_of(model)]
        extra = {"x-kubernetes-validations": rules} if rules else {}
        return {**written, **extra, **FORMS.get(model, {})}

    def encode_default(self, dft: Any) -> Any:
        return _as_yaml(dft)


def _as_yaml(value: Any) -> Any:
    if isinstance(value, BaseModel):
        # In full: the API server checks rules on a default before it fills the defaults inside.
        return value.model_dump(mode="json", by_alias=True, exclude_none=True)
    if isinstance(value, tuple):
        return [_as_yaml(item) for item in value]
    return value.value if isinstance(value, Enum) else value


class _Structure:
    """Turns pydantic's schema into a structural one, definitions in their place."""

    def __init__(self, definitions: Mapping[str, Schema], *, is_status: bool) -> None:
        self._definitions = definitions
        self._is_status = is_status

    def of(self, raw: Schema) -> Schema:
        """Return the structural schema of one node."""
        node = self._resolved(raw)
        if _is_scalar(node):
            return {**_described(node), **self._default(node), **_SCALAR_LEAF}
        schema = {**_described(node), **self._default(node), **self._validations(node)}
        schema["type"] = node["type"]
        if "properties" in node:
            schema["properties"] = {
                name: _named(name, self.of(child)) for name, child in node["properties"].items()
            }
            schema |= {"required": sorted(node["required"])} if node.get("required") else {}
        elif node["type"] == "object":
            schema["additionalProperties"] = self.of(_values_of(node))
        elif node["type"] == "array":
            schema["items"] = self.of(node["items"])
            schema |= _list_type(schema["items"])
        return schema

    def _resolved(self, raw: Schema) -> Schema:
        """Follow references and drop the null of an optional field; outer words win."""
        node = raw
        while True:
            outer = {key: value for key, value in node.items() if key not in ("$ref", "anyOf")}
            if "$ref" in node:
                node = {**self._definitions[node["$ref"].rsplit("/", 1)[1]], **outer}
            elif len(present := [one for one in node.get("anyOf", ()) if not _is_null(one)]) == 1:
                node = {**present[0], **outer}
            else:
                return {**node, "anyOf": present} if present else node

    def _validations(self, node: Schema) -> Schema:
        copied = {key: node[key] for key in _COPIED if key in node}
        if "const" in node:
            copied["enum"] = [node["const"]]
        for bound, exclusive in (
            ("minimum", "exclusiveMinimum"),
            ("maximum", "exclusiveMaximum"),
        ):
            if exclusive in node:
                copied |= {bound: node[exclusive], exclusive: True}
            if isinstance(copied.get(bound), float) and copied[bound].is_integer():
                copied[bound] = int(copied[bound])
        if "enum" in copied:
            longest = max(map(len, copied["enum"]))
            copied["maxLength"] = _STATUS_WORD_LENGTH if self._is_status else longest
            if self._is_status:
                del copied["enum"]
        return copied

    def _default(self, node: Schema) -> Schema:
        if self._is_status or node.get("default") is None:
            return {}
        return {"default": node["default"]}


def _described(node: Schema) -> Schema:
    return {"description": node["description"]} if "description" in node else {}


def _named(name: str, schema: Schema) -> Schema:
    return {**schema, "description": f"{name}: {schema.get('description', '')}"}


def _values_of(node: Schema) -> Schema:
    """Return the schema of a map's values; a pattern of its keys has no structural form."""
    by_pattern: dict[str, Schema] = node.get("patternProperties", {})
    return next(iter(by_pattern.values()), node.get("additionalProperties", {}))


def _is_null(node: Schema) -> bool:
    return node.get("type") == "null"


def _is_scalar(node: Schema) -> bool:
    return [one.get("type") for one in node.get("anyOf", ())] == _SCALARS


def list_key(required: Collection[str]) -> str | None:
    """Return the field that tells the items of a list apart, of those that they require."""
    return next((key for key in _LIST_KEYS if key in required), None)


def _list_type(items: Schema) -> Schema:
    """Return how server-side apply merges a list: by the key of its items, or as a whole."""
    key = list_key(items.get("required", ()))
    if key is None:
        return {"x-kubernetes-list-type": "atomic"}
    return {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": [key]}
