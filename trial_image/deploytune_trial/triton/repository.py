"""A Triton model repository: written for the trial, and kept for whoever wants to serve it.

    <folder>/<model>/config.pbtxt
    <folder>/<model>/1/             the artefact's files; for the Python backend also its code and
                                    settings.json
    <folder>/triton-arguments       arguments that Triton needs for it, one a line; if it needs any
    <folder>/README.md              in a kept one: what it needs and how to serve it

Nothing in it names a path outside of it, so it may be moved.
"""

from __future__ import annotations

import glob
import json
import os
import shutil
import tempfile
from pathlib import Path

from deploytune.contract.errors import MachineError
from deploytune.contract.request import TrialRequest
from deploytune_trial.build.artefacts import Artefact
from deploytune_trial.serving import Serving
from deploytune_trial.triton.configuration import ModelEntry, build_configuration

_SERVED_MODEL = Path(__file__).with_name("served_model")
_VERSION = "1"
_ARGUMENTS_FILE = "triton-arguments"
_SETTINGS_FILE = "settings.json"


def write_repository(folder: Path, entry: ModelEntry, artefact: Artefact) -> None:
    """Write a repository with one model into `folder`."""
    version = folder / entry.name / _VERSION
    version.mkdir(parents=True)
    (version.parent / "config.pbtxt").write_text(build_configuration(entry))
    for name, source in artefact.files.items():
        _link_or_copy(source, version / name)
    if entry.native is None:
        _write_served_model(version, artefact, entry.serving)
    elif entry.native.arguments:
        lines = "".join(f"{argument}\n" for argument in entry.native.arguments)
        (folder / _ARGUMENTS_FILE).write_text(lines)


def server_arguments(repository: Path) -> list[str]:
    """Return the arguments that Triton needs for a repository."""
    file = repository / _ARGUMENTS_FILE
    return file.read_text().splitlines() if file.exists() else []


def working_directory(repository: Path) -> Path | None:
    """Return where Triton is to be started for a repository, None where it does not matter.

    The paths of a native backend's options begin there; Python models begin where their user is.
    """
    is_python = any(repository.glob(f"*/{_VERSION}/{_SETTINGS_FILE}"))
    return None if is_python else repository


def check_place(repository: Path) -> None:
    """Make the folder above a repository, so that it can be written there later.

    Raises:
        MachineError: it cannot be made, or nothing can be written into it.
    """
    try:
        repository.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise MachineError(f"{repository.parent}: cannot be made: {error.strerror}") from error
    if not os.access(repository.parent, os.W_OK):
        raise MachineError(f"{repository.parent}: must be writable")


def keep_repository(repository: Path, kept: Path, readme: str) -> None:
    """Copy a repository to `kept` at once or not at all; one that is there is replaced."""
    prefix = f".{kept.name}.keeping-"
    for interrupted in kept.parent.glob(f"{glob.escape(prefix)}*"):
        shutil.rmtree(interrupted, ignore_errors=True)
    # No name made of the process's number: in a container that is the same each time.
    with tempfile.TemporaryDirectory(
        prefix=prefix, dir=kept.parent, ignore_cleanup_errors=True
    ) as work:
        coming, going = Path(work, "coming"), Path(work, "going")
        shutil.copytree(repository, coming)
        (coming / "README.md").write_text(readme)
        if kept.exists():
            kept.rename(going)
        coming.rename(kept)


def serving_instructions(request: TrialRequest, entry: ModelEntry, triton_version: str) -> str:
    """Return the text that goes with a repository that is kept."""
    parameters = "\n".join(f"    {name}: {value}" for name, value in request.parameters.items())
    needs = (
        f"nothing but Triton's own {entry.served_by} backend"
        if entry.native is not None
        else "Triton's Python backend, and in its Python the packages of `deploytune[trial]` "
        "(for a torch model also `deploytune[torch]`) of the same versions"
    )
    more = "" if entry.native is None else "".join(f" {one}" for one in entry.native.arguments)
    return f"""# {entry.name}: a Triton model repository

Built and measured by deploytune as trial {request.trial}, with Triton {triton_version} and

{parameters or "    the defaults"}

It is complete and may be moved. It needs {needs}.

Serve it where `tritonserver` is on PATH:

    tritonserver --model-repository .{more}

or with the Triton of the nvidia-pytriton wheel, in the environment that made it:

    python -m deploytune_trial --serve .

Requests carry {entry.request_batch} sample(s) each, as measured.
"""


def _write_served_model(version: Path, artefact: Artefact, serving: Serving) -> None:
    for source in sorted(_SERVED_MODEL.glob("*.py")):
        shutil.copyfile(source, version / source.name)
    settings = json.dumps({**artefact.settings, **serving.settings()}, indent=2)
    (version / _SETTINGS_FILE).write_text(f"{settings}\n")


def _link_or_copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        target.hardlink_to(source)
    except OSError:  # another file system, or one without hard links
        shutil.copyfile(source, target)
