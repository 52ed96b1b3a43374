"""The log of an attempt of a run on this machine."""

from __future__ import annotations

from pathlib import Path

from deploytune.runtime.local.attempt_folders import AttemptFolders
from deploytune.runtime.local.guard.orders import LOG_FILE
from deploytune.runtime.local.state_directory import Records


def log_path(state: Path, tuning: str, trial_index: int, attempt: int) -> Path:
    """Return where the log of an attempt is kept; it need not be there."""
    folders = AttemptFolders(Records(state).attempts, tuning)
    return folders.of(trial_index, attempt).path / LOG_FILE


def end_of(path: Path, most_bytes: int) -> str:
    """Return the last bytes of a log as text.

    Raises:
        OSError: it is not there, or cannot be read.
    """
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - most_bytes))
        return file.read(most_bytes).decode(errors="replace")
