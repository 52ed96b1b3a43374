"""A tuning with its trials, as they are on record somewhere: all that can be told of it later."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from deploytune.api.trial import TuningTrial
from deploytune.api.tuning import DeploymentTuning
from deploytune.contract.errors import InvalidTuningError


@dataclass(frozen=True)
class RecordedTuning:
    """A tuning with its status, its trials by index, and in words where they were found.

    `run` is the state directory of a run on this machine.
    """

    tuning: DeploymentTuning
    trials: tuple[TuningTrial, ...]
    place: str
    run: Path | None = None

    def trial(self, name: str) -> TuningTrial:
        """Return a trial by its name.

        Raises:
            InvalidTuningError: it is not on record; the line says which are.
        """
        found = next((trial for trial in self.trials if trial.metadata.name == name), None)
        if found is None:
            names = [trial.metadata.name for trial in self.trials]
            known = f"{names[0]} to {names[-1]}" if names else "no trial yet"
            raise InvalidTuningError("TRIAL", f"must be in {self.place} ({known})", name)
        return found
