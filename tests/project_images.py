"""The project's two images as the tests build them, and what they say of themselves."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path
from typing import Any

from clusters.images import BuildRecipe

import deploytune

_PACKAGING = ("pyproject.toml", "README.md", "LICENSE", "operator/constraints.txt")
_VERSION = {"VERSION": deploytune.__version__}

OPERATOR = BuildRecipe(
    name="operator",
    dockerfile="operator/Dockerfile",
    sources=(
        *_PACKAGING,
        "operator/deploytune",
        "trial_image/deploytune_trial/__init__.py",
    ),
    arguments=_VERSION,
)

TRIAL = BuildRecipe(
    name="trial",
    dockerfile="trial_image/Dockerfile.cpu",
    sources=(
        *_PACKAGING,
        "operator/deploytune/__init__.py",
        "operator/deploytune/contract",
        "trial_image/deploytune_trial",
    ),
    arguments=_VERSION,
)


def image_settings(archive: Path) -> dict[str, Any]:
    """Return what an archived image says of itself: its user, entrypoint, labels."""
    with tarfile.open(archive) as files:
        [manifest] = _json_of(files, "manifest.json")
        settings: dict[str, Any] = _json_of(files, manifest["Config"])["config"]
        return settings


def _json_of(files: tarfile.TarFile, name: str) -> Any:
    member = files.extractfile(name)
    assert member is not None
    return json.load(member)
