"""What a trial's process is given: command, environment, bounds."""

from __future__ import annotations

import os
import secrets
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from deploytune.contract.codec import encode_request
from deploytune.contract.errors import MachineError
from deploytune.contract.request import (
    ARTEFACT_CACHE_BYTES_VARIABLE,
    ARTEFACT_CACHE_VARIABLE,
    MEASURE_LOCK_VARIABLE,
    PORTS_VARIABLE,
    REQUEST_VARIABLE,
    SCRATCH_VARIABLE,
    SHARED_MEMORY_PREFIX_VARIABLE,
    TERMINATION_LOG_VARIABLE,
    TrialRequest,
)
from deploytune.runtime.local.attempt_folders import AttemptFolder
from deploytune.runtime.local.guard.control_groups import place_for
from deploytune.runtime.local.guard.orders import SCRATCH_FOLDER, TERMINATION_FILE, Orders

STOCK_TRIAL = (sys.executable, "-m", "deploytune_trial")


class MemoryEnforcement(StrEnum):
    """How the memory limit of a trial is enforced."""

    CONTROL_GROUP = "ControlGroup"
    WATCHDOG = "Watchdog"
    BEST = "Best"


@dataclass(frozen=True)
class LocalOptions:
    """How trials run on this machine.

    `working_directory` is the tuning file's folder: the workload's relative paths start there.
    `ports` is `FIRST-LAST`. Without an `artefact_cache` every trial builds for itself. The guard
    ends a trial that is `deadline_margin_seconds` past its run deadline, for the trial's own
    watchdog comes first, and kills it `grace_seconds` after SIGTERM.
    """

    working_directory: Path
    trial_command: tuple[str, ...] = STOCK_TRIAL
    parallel_trials: int | None = None
    ports: str | None = None
    memory_enforcement: MemoryEnforcement = MemoryEnforcement.BEST
    artefact_cache: Path | None = None
    artefact_cache_bytes: int = 0
    deadline_margin_seconds: float = 5.0
    grace_seconds: float = 10.0
    variables: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))

    @property
    def runs_stock_trial(self) -> bool:
        """Whether trials are deploytune's own."""
        return self.trial_command == STOCK_TRIAL

    def check(self) -> None:
        """Refuse a trial command that this machine does not have.

        Raises:
            MachineError: names the command.
        """
        program = self.trial_command[0]
        place = self.working_directory.absolute() / program if os.sep in program else program
        if shutil.which(str(place), path=self.variables.get("PATH")) is None:
            raise MachineError(f"trial command {program!r} must be an executable program")


def build_orders(request: TrialRequest, options: LocalOptions, now: datetime) -> Orders:
    """Return what the guard of a new attempt is told."""
    token = secrets.token_hex(6)
    resources = request.resources
    groups_allowed = options.memory_enforcement is not MemoryEnforcement.WATCHDOG
    return Orders(
        command=list(options.trial_command),
        working_directory=str(options.working_directory.absolute()),
        started_at=now.isoformat(),
        run_deadline_seconds=request.run_deadline_seconds + options.deadline_margin_seconds,
        grace_seconds=options.grace_seconds,
        shared_memory_prefix=f"deploytune-{token}-",
        memory_bytes=resources.memory_bytes,
        cpus=resources.cpus,
        memory_group=_group("memory", token)
        if groups_allowed and resources.memory_bytes is not None
        else None,
        cpu_group=_group("cpu", token) if groups_allowed and resources.cpus is not None else None,
    )


def build_environment(
    request: TrialRequest,
    orders: Orders,
    folder: AttemptFolder,
    options: LocalOptions,
) -> dict[str, str]:
    """Return the environment of an attempt's processes."""
    environment = dict(options.variables)
    environment |= {
        REQUEST_VARIABLE: encode_request(request),
        TERMINATION_LOG_VARIABLE: str(folder.path / TERMINATION_FILE),
        SCRATCH_VARIABLE: str(folder.path / SCRATCH_FOLDER),
        MEASURE_LOCK_VARIABLE: str(measure_lock(options.variables)),
        SHARED_MEMORY_PREFIX_VARIABLE: orders.shared_memory_prefix,
    }
    if options.artefact_cache is not None:
        environment[ARTEFACT_CACHE_VARIABLE] = str(options.artefact_cache.absolute())
        environment[ARTEFACT_CACHE_BYTES_VARIABLE] = str(options.artefact_cache_bytes)
    if options.ports is not None:
        environment[PORTS_VARIABLE] = options.ports
    if environment.get("PYTHONPATH"):  # the trial runs in another folder
        parts = environment["PYTHONPATH"].split(os.pathsep)
        environment["PYTHONPATH"] = os.pathsep.join(str(Path(part).absolute()) for part in parts)
    return environment


def measure_lock(variables: Mapping[str, str]) -> Path:
    """Return the lock under which all of this user's trials on this machine measure."""
    folder = variables.get("XDG_RUNTIME_DIR")
    if folder and Path(folder).is_dir():
        return Path(folder) / "deploytune.measure.lock"
    return Path(f"/tmp/deploytune-{os.getuid()}.measure.lock")  # noqa: S108 - one a machine and user


def _group(controller: str, token: str) -> str | None:
    place = place_for(controller)
    return None if place is None else str(place / f"deploytune-{token}")
