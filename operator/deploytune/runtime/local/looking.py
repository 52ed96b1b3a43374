"""Looks on while a run of this machine works on a tuning; nothing is written."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from deploytune.api.recorded import RecordedTuning
from deploytune.contract.errors import MachineError
from deploytune.runtime.local.attempt_folders import AttemptFolders
from deploytune.runtime.local.state_directory import Records
from deploytune.runtime.sights import Sight


class TuningOfRun:
    """A tuning by its state directory."""

    def __init__(self, state: Path) -> None:
        """Read nothing yet."""
        self._records = Records(state)
        self._abandoned: RecordedTuning | None = None

    def look(self) -> Sight:
        """Return what the files say.

        Raises:
            MachineError: they are gone, or cannot be read.
        """
        tuning = self._records.tuning()
        if tuning is None:
            raise MachineError(f"{self._records.path} is no state directory any more")
        trials = self._records.trials()
        folders = AttemptFolders(self._records.attempts, tuning.metadata.name)
        attempts = (
            folder.read()
            for trial in trials
            if not trial.is_finished
            for folder in folders.of_trial(trial.spec.index)
        )
        told = tuning.model_copy(update={"status": self._records.status()})
        sight = Sight(
            RecordedTuning(told, trials, str(self._records.path)),
            {
                attempt.trial_index: (attempt.stage, attempt.started_at)
                for attempt in attempts
                if attempt.ending is None
            },
        )
        return sight if sight.is_finished else replace(sight, trouble=self._trouble(sight.recorded))

    def _trouble(self, recorded: RecordedTuning) -> str | None:
        """Return why nothing new is to be seen; that a run begins shows in what it writes."""
        if recorded != self._abandoned:
            self._abandoned = None if self._records.is_in_use else recorded
        return None if self._abandoned is None else "no run is going on"
