"""The folder of one attempt: made whole before anything starts, read back as an `Attempt`."""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from deploytune.api.trial import trial_name
from deploytune.contract.codec import MAX_MESSAGE_BYTES, decode_message, encode_request
from deploytune.contract.errors import TrialContractError
from deploytune.contract.request import TrialRequest
from deploytune.contract.stages import Stage
from deploytune.runtime.local.atomic_files import make_durable, temporary_beside
from deploytune.runtime.local.guard.orders import (
    LOCK_FILE,
    REPOSITORY_FOLDER,
    SCRATCH_FOLDER,
    TERMINATION_FILE,
    EndingRecord,
    Orders,
)
from deploytune.state.world import Attempt, EndedBy, Ending

_REQUEST_FILE = "request.json"


class AttemptFolder:
    """One attempt of a trial, by the folder that holds all of it."""

    def __init__(self, path: Path) -> None:
        """Use a folder called `<trial>-<attempt>`."""
        self.path = path
        trial, _, attempt = path.name.rpartition("-")
        self.attempt = int(attempt)
        self.trial_index = int(trial.rpartition("-")[2])

    @property
    def key(self) -> tuple[int, int]:
        """Trial index and number of the attempt."""
        return self.trial_index, self.attempt

    @property
    def request_file(self) -> Path:
        """The request as the trial was given it."""
        return self.path / _REQUEST_FILE

    @property
    def repository(self) -> Path:
        """Where the trial leaves its Triton model repository, if it was asked to."""
        return self.path / REPOSITORY_FOLDER

    def create(self, request: TrialRequest, orders: Orders) -> None:
        """Make the folder in one step; it must not exist."""
        temporary = temporary_beside(self.path)
        temporary.mkdir(exist_ok=True)
        (temporary / SCRATCH_FOLDER).mkdir(exist_ok=True)
        (temporary / _REQUEST_FILE).write_text(encode_request(request) + "\n")
        (temporary / LOCK_FILE).touch()
        orders.write(temporary)
        temporary.rename(self.path)
        make_durable(self.path.parent)

    def take_lock(self) -> int | None:
        """Return a descriptor that holds the attempt's lock, None while its guard has it."""
        descriptor = os.open(self.path / LOCK_FILE, os.O_RDWR | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        return descriptor

    def has_ended(self) -> bool:
        """Tell whether its ending is on record."""
        return EndingRecord.read(self.path) is not None

    def read(self) -> Attempt:
        """Return what the folder says of the attempt."""
        record = EndingRecord.read(self.path)
        message = self._message()
        return Attempt(
            trial_index=self.trial_index,
            attempt=self.attempt,
            started_at=datetime.fromisoformat(Orders.read(self.path).started_at),
            ending=None if record is None else _ending(record, message),
            stage=_stage(message),
        )

    def last_sign_seconds(self) -> float:
        """Return for how long it ran, as far as the last change of its message tells."""
        try:
            last_sign = (self.path / TERMINATION_FILE).stat().st_mtime
        except FileNotFoundError:
            return 0.0
        started = datetime.fromisoformat(Orders.read(self.path).started_at).timestamp()
        return max(0.0, last_sign - started)

    def _message(self) -> bytes:
        try:
            with (self.path / TERMINATION_FILE).open("rb") as file:
                return file.read(MAX_MESSAGE_BYTES + 1)  # one more shows that it is too long
        except OSError:
            return b""


class AttemptFolders:
    """All attempts of a state directory."""

    def __init__(self, path: Path, tuning: str) -> None:
        """Use the folder `path` for the attempts of the trials of `tuning`."""
        self._path = path
        self._tuning = tuning

    def of(self, trial_index: int, attempt: int) -> AttemptFolder:
        """Return one attempt's folder, which need not exist."""
        return AttemptFolder(self._path / f"{trial_name(self._tuning, trial_index)}-{attempt}")

    def all(self) -> Iterator[AttemptFolder]:
        """Yield every attempt there is."""
        name = re.compile(rf"{re.escape(self._tuning)}-\d+-\d+")
        for path in sorted(self._path.iterdir()):
            if name.fullmatch(path.name):
                yield AttemptFolder(path)

    def of_trial(self, trial_index: int) -> Iterator[AttemptFolder]:
        """Yield the attempts of a trial in their order; they are numbered without gaps."""
        attempt = 0
        while (folder := self.of(trial_index, attempt)).path.exists():
            yield folder
            attempt += 1


def _ending(record: EndingRecord, message: bytes) -> Ending:
    return Ending(
        exit_code=record.exit_code,
        ended_by=EndedBy(record.ended_by),
        out_of_memory=record.out_of_memory,
        message=message,
        seconds=record.seconds,
        detail=record.detail,
    )


def _stage(message: bytes) -> Stage | None:
    try:
        return decode_message(message).stage
    except TrialContractError:
        return None
