"""The project's images as the tests build them, and what they say of themselves."""

from __future__ import annotations

import json
import tarfile
from dataclasses import replace
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

_TRITON = BuildRecipe(
    name="triton",
    dockerfile="tests/trial_programs/Dockerfile.triton",
    sources=("operator/constraints.txt",),
)

GPU_TRIAL = replace(
    TRIAL,
    name="gpu-trial",
    dockerfile="trial_image/Dockerfile",
    arguments={**_VERSION, "EXTRAS": "beside-triton", "PACKAGES": "onnxruntime"},
    base=_TRITON,
)
"""The image for GPUs, on a Triton that needs none and is laid out as NVIDIA's."""

_DIGITS = "operator/examples/digits"

DIGITS_TRIAL = BuildRecipe(
    name="digits-trial",
    dockerfile=f"{_DIGITS}/Dockerfile",
    sources=(f"{_DIGITS}/models", f"{_DIGITS}/data"),
    base=TRIAL,
    context=_DIGITS,
)
"""The image of a user whose models are in it."""

_FOREIGN = "operator/examples/foreign-trial"

FOREIGN_TRIAL = BuildRecipe(
    name="foreign-trial",
    dockerfile=f"{_FOREIGN}/Dockerfile",
    sources=(f"{_FOREIGN}/main.go",),
    go_programs={f"{_FOREIGN}/foreign-trial": f"{_FOREIGN}/main.go"},
    context=_FOREIGN,
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
