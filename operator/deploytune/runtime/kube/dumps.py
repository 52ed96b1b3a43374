"""A tuning and its trials from a file that kubectl wrote: it takes no cluster and no client."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from deploytune.api.recorded import RecordedTuning
from deploytune.contract.errors import InvalidTuningError
from deploytune.runtime.kube.objects import read_recorded, read_tuning
from deploytune.runtime.kube.resources import TRIALS, TUNINGS, Resource

Document = Mapping[str, Any]
_DUMP = "--dump"


def recorded_in_dump(path: Path, name: str) -> RecordedTuning:
    """Return a tuning and its trials from what `kubectl get dtune,ttrial -o yaml` wrote.

    Raises:
        InvalidTuningError: the file cannot be read, or holds no such tuning, or one in two
            namespaces, or one that breaks a rule.
        ClusterError: one of its trials cannot be read.
    """
    documents = tuple(_documents(path))
    found = [each for each in _of_kind(documents, TUNINGS) if each["metadata"].get("name") == name]
    if len(found) != 1:
        held = sorted(str(each["metadata"].get("name")) for each in _of_kind(documents, TUNINGS))
        rule = f"must hold the tuning {name} once, {path} holds {', '.join(held) or 'none'}"
        raise InvalidTuningError(_DUMP, rule)
    return read_recorded(read_tuning(found[0]), _of_kind(documents, TRIALS), str(path))


def _documents(path: Path) -> Iterable[Document]:
    rule = "must be a file that kubectl wrote with -o yaml or -o json"
    try:
        text = path.read_text(encoding="utf-8")
        documents = list(yaml.load_all(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)))
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidTuningError(_DUMP, f"must be a readable file: {error}") from error
    except (yaml.YAMLError, RecursionError) as error:
        raise InvalidTuningError(_DUMP, rule, str(path)) from error
    for document in documents:
        items = document.get("items", [document]) if isinstance(document, Mapping) else [document]
        for item in items if isinstance(items, list) else [items]:
            if not isinstance(item, Mapping) or not isinstance(item.get("metadata"), Mapping):
                raise InvalidTuningError(_DUMP, rule, str(path))
            yield item


def _of_kind(documents: Iterable[Document], resource: Resource) -> list[Document]:
    return [
        each
        for each in documents
        if (each.get("apiVersion"), each.get("kind")) == (resource.api_version, resource.kind)
    ]
