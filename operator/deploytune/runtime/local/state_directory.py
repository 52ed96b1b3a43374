"""The state directory of a tuning: its whole memory on this machine.

    tuning.json            the tuning as it was first run; what may change later is kept up to date
    status.json            its status, derived from the trials
    trials/NAME.json       one TuningTrial each, written once a change
    attempts/NAME-N/       one folder an attempt: request, orders, log, termination, ending
    stop                   put there by `deploytune stop`: the search ends, now and in later runs
    lock                   held by the one run that uses the directory

Every file is whole or absent (`atomic_files`); what an interrupted writer left is ignored. So
anyone may read it at any time, and ask it to stop (`Records`), while one run writes all else
(`StateDirectory`).
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Self, TypeVar

from pydantic import ValidationError

from deploytune.api.trial import TuningTrial
from deploytune.api.tuning import DeploymentTuning, TuningSpec, TuningStatus
from deploytune.contract.errors import InvalidTuningError, MachineError
from deploytune.contract.models import ContractModel
from deploytune.runtime.local.atomic_files import is_temporary, write_atomically

_TUNING, _STATUS, _LOCK, _STOP = "tuning.json", "status.json", "lock", "stop"
_TRIALS, _ATTEMPTS = "trials", "attempts"
_FIELD = "state directory"
_MUTABLE_SPEC = ("parallel_trials", "budget")
_MUTABLE_POOL = ("node_selector", "tolerations")
_MUTABLE_TRIAL = ("run_deadline_seconds", "stage_deadlines_seconds", "infra_retries")
_Model = TypeVar("_Model", bound=ContractModel)


class Records:
    """What a state directory has on record."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.attempts = path / _ATTEMPTS
        self._finished: dict[str, TuningTrial] = {}

    def tuning(self) -> DeploymentTuning | None:
        """Return the tuning, without its status; None if this is no state directory of one."""
        return _read(self.path / _TUNING, DeploymentTuning)

    def trials(self) -> tuple[TuningTrial, ...]:
        """Return the trials on record, by index."""
        folder = self.path / _TRIALS
        trials = (self.trial(path.stem) for path in _json_files(folder))
        known = [trial for trial in trials if trial is not None]
        return tuple(sorted(known, key=lambda trial: trial.spec.index))

    def trial(self, name: str) -> TuningTrial | None:
        """Return a trial on record, or None."""
        if name in self._finished:
            return self._finished[name]
        trial = _read(self.path / _TRIALS / f"{name}.json", TuningTrial)
        if trial is not None and trial.is_finished:  # final: it need not be read again
            self._finished[name] = trial
        return trial

    def status(self) -> TuningStatus | None:
        """Return the tuning's status on record, or None."""
        return _read(self.path / _STATUS, TuningStatus)

    @property
    def is_stopped(self) -> bool:
        """Whether its search was asked to end."""
        return (self.path / _STOP).exists()

    @property
    def is_in_use(self) -> bool:
        """Whether a run uses it now; what cannot be found out counts as yes.

        To ask takes the lock for a moment: a run that begins just then is refused, so ask seldom.
        """
        try:
            descriptor = os.open(self.path / _LOCK, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        except OSError:
            return True
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return True
        finally:
            os.close(descriptor)
        return False

    def ask_to_stop(self) -> None:
        """Have its search end.

        Raises:
            MachineError: the file that says so cannot be written.
        """
        try:
            (self.path / _STOP).touch()
        except OSError as error:
            raise MachineError(
                f"{self.path / _STOP} cannot be written: {error.strerror}"
            ) from error


class StateDirectory(Records):
    """An opened, locked state directory."""

    def __init__(self, path: Path, lock: int) -> None:
        """Use `path`, whose lock is held through the descriptor `lock`; see `open`."""
        super().__init__(path)
        self._lock = lock

    @classmethod
    def open(cls, path: Path, tuning: DeploymentTuning) -> Self:
        """Make or take over the state directory of a tuning.

        Raises:
            MachineError: it cannot be written, or another run uses it.
            InvalidTuningError: it holds something else.
        """
        try:
            path.mkdir(parents=True, exist_ok=True)
            _refuse_foreign(path)
            lock = _lock(path)
            try:
                (path / _TRIALS).mkdir(exist_ok=True)
                (path / _ATTEMPTS).mkdir(exist_ok=True)
                _adopt(path, tuning)
            except BaseException:
                os.close(lock)
                raise
        except OSError as error:
            raise MachineError(
                f"{_FIELD} {path} must be a writable folder: {error.strerror}"
            ) from error
        return cls(path.resolve(), lock)

    def close(self) -> None:
        """Let go of the lock."""
        os.close(self._lock)

    def write_trial(self, trial: TuningTrial) -> None:
        """Put a trial on record."""
        _write(self.path / _TRIALS / f"{trial.metadata.name}.json", trial)

    def write_status(self, status: TuningStatus) -> None:
        """Put the tuning's status on record."""
        _write(self.path / _STATUS, status)


def _lock(path: Path) -> int:
    descriptor = os.open(path / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(descriptor)
        raise MachineError(f"{_FIELD} {path} is in use by another run") from error
    return descriptor


def _refuse_foreign(path: Path) -> None:
    if (path / _TUNING).exists():
        return
    ours = {_LOCK, _TRIALS, _ATTEMPTS, _STATUS}
    strange = sorted(p.name for p in path.iterdir() if p.name not in ours and not is_temporary(p))
    if strange:
        raise InvalidTuningError(
            _FIELD, f"must be empty or hold a tuning, {path} holds {strange[0]!r}"
        )


def _adopt(path: Path, tuning: DeploymentTuning) -> None:
    """Check that the directory is this tuning's, and keep the tuning as it is now."""
    record = path / _TUNING
    asked = DeploymentTuning(metadata=tuning.metadata, spec=tuning.spec)
    held = _read(record, DeploymentTuning)
    if held is not None:
        difference = _first_difference(held, asked)
        if difference is not None:
            raise InvalidTuningError(
                _FIELD, f"must be one of this tuning, {path} holds another: {difference} differs"
            )
        if held == asked:
            return
    _write(record, asked)


def _first_difference(held: DeploymentTuning, asked: DeploymentTuning) -> str | None:
    if held.metadata.name != asked.metadata.name:
        return "metadata.name"
    old, new = _immutable(held), _immutable(asked)
    differing = (field for field in old if old[field] != new[field])
    aliases = {name: info.alias or name for name, info in TuningSpec.model_fields.items()}
    return next((f"spec.{aliases[field]}" for field in differing), None)


def _immutable(tuning: DeploymentTuning) -> dict[str, object]:
    fields = {name: getattr(tuning.spec, name) for name in type(tuning.spec).model_fields}
    for name in _MUTABLE_SPEC:
        del fields[name]
    pools = tuple(pool.model_dump(exclude=set(_MUTABLE_POOL)) for pool in tuning.spec.node_pools)
    fields["node_pools"] = pools
    fields["trial"] = tuning.spec.trial.model_dump(exclude=set(_MUTABLE_TRIAL))
    return fields


def _json_files(folder: Path) -> Iterable[Path]:
    try:
        return [p for p in folder.iterdir() if p.suffix == ".json" and not is_temporary(p)]
    except OSError as error:
        raise MachineError(f"{folder} cannot be read: {error.strerror}") from error


def _read(path: Path, model: type[_Model]) -> _Model | None:
    """Return what is on record there, None if nothing is."""
    try:
        return model.model_validate_json(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise MachineError(f"{path} cannot be read: {error.strerror}") from error
    except ValidationError as error:
        raise MachineError(f"{path} is damaged: it is no {model.__name__}") from error


def _write(path: Path, content: ContractModel) -> None:
    text = content.model_dump_json(by_alias=True, exclude_none=True, indent=2)
    try:
        write_atomically(path, text.encode() + b"\n")
    except OSError as error:
        raise MachineError(f"{path} cannot be written: {error.strerror}") from error
