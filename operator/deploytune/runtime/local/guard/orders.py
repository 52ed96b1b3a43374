"""What the run tells a guard, and what the guard leaves: two small JSON files in the attempt."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

from deploytune.runtime.local.atomic_files import write_atomically

ORDERS_FILE = "orders.json"
ENDING_FILE = "ending.json"
LOCK_FILE = "guard.lock"
LOG_FILE = "log"
TERMINATION_FILE = "termination"
SCRATCH_FOLDER = "scratch"
REPOSITORY_FOLDER = "repository"


class Orders(NamedTuple):
    """One attempt: the command, its bounds, and what to take away afterwards."""

    command: list[str]
    working_directory: str
    started_at: str
    run_deadline_seconds: float
    grace_seconds: float
    shared_memory_prefix: str
    memory_bytes: int | None = None
    cpus: float | None = None
    memory_group: str | None = None
    cpu_group: str | None = None

    def write(self, attempt: Path) -> None:
        """Put the orders into an attempt's folder."""
        write_atomically(attempt / ORDERS_FILE, json.dumps(self._asdict()).encode())

    @classmethod
    def read(cls, attempt: Path) -> Orders:
        """Return the orders of an attempt's folder."""
        return cls(**json.loads((attempt / ORDERS_FILE).read_bytes()))


class EndingRecord(NamedTuple):
    """How an attempt ended; `ended_by` is a value of `deploytune.state.world.EndedBy`."""

    exit_code: int | None
    ended_by: str
    out_of_memory: bool
    seconds: float
    detail: str = ""

    def write(self, attempt: Path) -> None:
        """Put the ending into an attempt's folder; it is whole or absent."""
        write_atomically(attempt / ENDING_FILE, json.dumps(self._asdict()).encode())

    @classmethod
    def read(cls, attempt: Path) -> EndingRecord | None:
        """Return the ending of an attempt's folder, None while there is none."""
        try:
            return cls(**json.loads((attempt / ENDING_FILE).read_bytes()))
        except FileNotFoundError:
            return None
