"""What a build hands on: files, the settings to serve them with, and what is known of them.

A build runs in a process of its own. Its result lies in its folder as one file: an artefact, or the
failure that is the trial's outcome. A folder with neither belongs to a build that died.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deploytune.contract.outcomes import Cause, OutcomeKind
from deploytune_trial.failures import TrialFailure, crashed
from deploytune_trial.models.interface import ModelInterface

OUTPUT_SHAPES = "output_shapes"
"""The setting with the shape that an ONNX file itself gives each output, its first axis included.

-1 is an open axis; no axes at all is an output whose number of axes is left open.
"""

HOST_CODE = "host_code"
"""The setting whether an engine carries code for the host, which whoever loads it must allow."""

_ARTEFACT_FILE = "artefact.json"
_FAILURE_FILE = "failure.json"


@dataclass(frozen=True)
class Artefact:
    """A built variant; `settings` is what the served model reads beside its files."""

    backend: str
    files: Mapping[str, Path]
    settings: Mapping[str, Any]
    interface: ModelInterface
    size_bytes: int
    facts: Mapping[str, str | int | float] = field(default_factory=dict)


def write_artefact(folder: Path, artefact: Artefact) -> None:
    """Leave an artefact as the result of the build in `folder`."""
    _write(
        folder / _ARTEFACT_FILE,
        {
            "backend": artefact.backend,
            "files": {name: str(path) for name, path in artefact.files.items()},
            "settings": artefact.settings,
            "interface": artefact.interface.to_json(),
            "size_bytes": artefact.size_bytes,
            "facts": artefact.facts,
        },
    )


def write_failure(folder: Path, failure: TrialFailure) -> None:
    """Leave a failure as the result of the build in `folder`."""
    _write(
        folder / _FAILURE_FILE,
        {"outcome": failure.outcome, "cause": failure.cause, "message": failure.message},
    )


def read_build_result(folder: Path) -> Artefact:
    """Return what a build in `folder` has made.

    Raises:
        TrialFailure: what the build has failed with, or that it has left no result.
    """
    if (folder / _FAILURE_FILE).exists():
        failure = json.loads((folder / _FAILURE_FILE).read_text())
        outcome, cause = OutcomeKind(failure["outcome"]), Cause(failure["cause"])
        raise TrialFailure(outcome, cause, failure["message"])
    if not (folder / _ARTEFACT_FILE).exists():
        raise crashed(Cause.BUILD_FAILED, "the build ended without a result")
    values = json.loads((folder / _ARTEFACT_FILE).read_text())
    files = {name: Path(path) for name, path in values["files"].items()}
    interface = ModelInterface.from_json(values["interface"])
    return Artefact(**{**values, "files": files, "interface": interface})


def _write(path: Path, values: Mapping[str, Any]) -> None:
    # A build that is killed while it writes must not leave half a result.
    coming = path.with_suffix(".coming")
    coming.write_text(json.dumps(values))
    coming.rename(path)
