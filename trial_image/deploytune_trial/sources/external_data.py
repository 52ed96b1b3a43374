"""The files beside an ONNX model that hold its weights: which they are, and their URLs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from deploytune_trial.failures import bad_workload

if TYPE_CHECKING:
    import onnx


def external_files(path: Path, field: str) -> list[str]:
    """Return the files that a model names, relative to itself; none if it is no ONNX model.

    Raises:
        TrialFailure: a name leads out of the model's folder.
    """
    import onnx  # a trial whose model is a path has no need of it

    try:
        model = onnx.load(path, load_external_data=False)
    except Exception:  # noqa: BLE001 - protobuf's own; whoever opens the model says what it is
        return []
    names = sorted(set(_locations(model.graph)))
    for name in names:
        place = PurePosixPath(name)
        if place.is_absolute() or ".." in place.parts or "\\" in name:
            raise bad_workload(field, "external data must lie in the model's own folder", name)
    return names


def beside(url: str, name: str) -> str:
    """Return the URL of a file in the folder of a URL; a query is the model's own and left out."""
    links = url.split("::")
    number = next(number for number, link in enumerate(links) if "/" in link)
    folder = links[number].partition("?")[0].rpartition("/")[0]
    links[number] = f"{folder}/{name}"
    return "::".join(links)


def _locations(graph: onnx.GraphProto) -> Iterator[str]:
    for tensor in _tensors(graph):
        for entry in tensor.external_data:
            if entry.key == "location":
                yield entry.value


def _tensors(graph: onnx.GraphProto) -> Iterator[onnx.TensorProto]:
    """Yield all weights and constants, those of subgraphs too."""
    yield from graph.initializer
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                yield attribute.t
            yield from attribute.tensors
            for inner in (*attribute.graphs, *([attribute.g] if attribute.HasField("g") else [])):
                yield from _tensors(inner)
