"""The model repositories that trials left: the winner's is the answer, the others are removed."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from deploytune.api.trial import TuningTrial
from deploytune.api.tuning import DeploymentTuning, TuningStatus
from deploytune.contract.errors import MachineError
from deploytune.contract.outcomes import OutcomeKind
from deploytune.runtime.local.attempt_folders import AttemptFolder, AttemptFolders
from deploytune.runtime.local.state_directory import Records


class Repositories:
    """The repositories of one state directory."""

    def __init__(self, folders: AttemptFolders) -> None:
        """Begin with those that earlier runs left in `folders`."""
        self._kept = {folder.key: folder for folder in folders.all() if folder.repository.exists()}

    def add(self, folder: AttemptFolder) -> None:
        """Take note of an attempt that will leave a repository."""
        self._kept[folder.key] = folder

    def prune(self, trials: Sequence[TuningTrial], status: TuningStatus) -> None:
        """Remove the repositories of trials that have ended and do not stand for the best."""
        wanted = _indices_of_best(trials, status)
        ended = {trial.spec.index for trial in trials if trial.is_finished}
        for key, folder in list(self._kept.items()):
            if folder.trial_index in ended - wanted:
                shutil.rmtree(folder.repository, ignore_errors=True)
                del self._kept[key]

    def of_best(self, trials: Sequence[TuningTrial], status: TuningStatus) -> Path | None:
        """Return the repository of the best trial or of the last of its confirmations."""
        wanted = _indices_of_best(trials, status)
        found = [
            folder.repository
            for key, folder in sorted(self._kept.items())
            if key[0] in wanted and folder.repository.exists()
        ]
        return found[-1] if found else None


def kept_repository(
    state: Path, tuning: DeploymentTuning, trials: Sequence[TuningTrial]
) -> Path | None:
    """Return the repository of a tuning's best trial in a state directory, None if it has none."""
    folders = AttemptFolders(Records(state).attempts, tuning.metadata.name)
    try:
        return Repositories(folders).of_best(trials, tuning.status or TuningStatus())
    except OSError as error:
        raise MachineError(f"{state} cannot be read: {error.strerror}") from error


def _indices_of_best(trials: Sequence[TuningTrial], status: TuningStatus) -> set[int]:
    if status.best is None:
        return set()
    feasible = [trial for trial in trials if trial.status.outcome is OutcomeKind.FEASIBLE]
    best = {trial.spec.index for trial in feasible if trial.metadata.name == status.best.trial}
    return best | {trial.spec.index for trial in feasible if trial.spec.confirms in best}
