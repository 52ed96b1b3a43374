"""The folder of an answer: the tuning with its status, and the winner's repository for Triton."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from deploytune.api.tuning import DeploymentTuning, TuningStatus
from deploytune.contract.errors import MachineError
from deploytune.runtime.local.atomic_files import replace_folder, write_atomically

STATUS_FILE = "status.yaml"
REPOSITORY_FOLDER = "model_repository"


def check_place(folder: Path) -> None:
    """Make the folder, before any trial is paid for.

    Raises:
        MachineError: it cannot be made or written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(folder, error.strerror) from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise _unwritable(folder, "Permission denied")


def write_answer(
    folder: Path, tuning: DeploymentTuning, status: TuningStatus, repository: Path | None
) -> None:
    """Write the tuning with its status, and the winner's repository in place of an earlier one.

    Raises:
        MachineError: the folder cannot be written.
    """
    import yaml

    answered = tuning.model_copy(update={"status": status})
    plain = answered.model_dump(mode="json", by_alias=True, exclude_none=True)
    try:
        _put_copy(repository, folder / REPOSITORY_FOLDER)
        write_atomically(folder / STATUS_FILE, yaml.safe_dump(plain, sort_keys=False).encode())
    except OSError as error:
        raise _unwritable(folder, error.strerror) from error


def _put_copy(source: Path | None, target: Path) -> None:
    """Put a copy of `source` where `target` is, or nothing if there is no source."""
    if source is None:
        shutil.rmtree(target, ignore_errors=True)
        return
    arriving, aside = (target.with_name(f".{target.name}.{what}") for what in ("new", "old"))
    for left in (arriving, aside):  # by an interruption
        shutil.rmtree(left, ignore_errors=True)
    shutil.copytree(source, arriving)
    if target.exists():
        replace_folder(arriving, target, aside)
    else:
        arriving.rename(target)


def _unwritable(folder: Path, why: str | None) -> MachineError:
    return MachineError(f"output {folder} must be a writable folder: {why}")
