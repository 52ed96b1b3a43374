"""A tuning from its YAML, read as strictly as the API server reads it.

YAML's surprises are taken out first: a key given twice is refused, `1e-5` is a number as kubectl
has it, and nothing becomes a date.
"""

from __future__ import annotations

import re
from collections.abc import Hashable
from typing import Any

import yaml

from deploytune.api.field_errors import read_as
from deploytune.api.tuning import API_VERSION, DeploymentTuning
from deploytune.contract.errors import InvalidTuningError


def parse_tuning(text: str, source: str) -> DeploymentTuning:
    """Return the tuning that a YAML text holds; `source` says in messages where it came from.

    Raises:
        InvalidTuningError: one line with the field, its rule and its value.
    """
    document = _read_yaml(text, source)
    if not isinstance(document, dict):
        raise InvalidTuningError(source, "must be a mapping with apiVersion, kind, metadata, spec")
    _check_kind(document)
    return read_as(DeploymentTuning, document)


def _check_kind(document: dict[str, object]) -> None:
    for field, expected in (("kind", "DeploymentTuning"), ("apiVersion", API_VERSION)):
        if field not in document:
            raise InvalidTuningError(field, f"must be {expected}; it is not set")
        if document[field] != expected:
            raise InvalidTuningError(field, f"must be {expected}", document[field])


def _read_yaml(text: str, source: str) -> object:
    try:
        return yaml.load(text, Loader=_Loader)  # noqa: S506 - a SafeLoader
    except yaml.MarkedYAMLError as error:
        line = "" if error.problem_mark is None else f", line {error.problem_mark.line + 1}"
        rule = _YAML_RULES.get(error.context or "", "must be YAML")
        raise InvalidTuningError(f"{source}{line}", f"{rule}: {error.problem}") from error
    except yaml.YAMLError as error:
        raise InvalidTuningError(source, f"must be YAML: {str(error).splitlines()[0]}") from error
    except RecursionError as error:
        raise InvalidTuningError(source, "must not be nested so deeply") from error


_YAML_RULES = {"expected a single document in the stream": "must hold one document"}
_TAG = "tag:yaml.org,2002:"
_REPLACED = {f"{_TAG}timestamp", f"{_TAG}float", f"{_TAG}int"}


class _Loader(yaml.SafeLoader):
    """A SafeLoader whose keys are strings given once and whose numbers are those of JSON."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - PyYAML declares it so
        first: [(tag, pattern) for tag, pattern in resolvers if tag not in _REPLACED]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:  # noqa: FBT001, FBT002 - overrides PyYAML's
        """Return the mapping with its keys as they are written."""
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise _refusal("a key must be a string", key)
            if key.value in seen:
                raise _refusal(f"{key.value!r} must be given once", key)
            seen.add(key.value)
            if key.tag != f"{_TAG}merge":
                key.tag = f"{_TAG}str"
        return super().construct_mapping(node, deep)


def _refusal(problem: str, node: yaml.Node) -> yaml.MarkedYAMLError:
    return yaml.constructor.ConstructorError(None, None, problem, node.start_mark)


_Loader.add_implicit_resolver(f"{_TAG}int", re.compile(r"[-+]?(0|[1-9][0-9]*)$"), "-+0123456789")
_Loader.add_implicit_resolver(
    f"{_TAG}float",
    re.compile(r"[-+]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)?$|[-+]?\.inf$|\.nan$"),
    "-+.0123456789",
)
