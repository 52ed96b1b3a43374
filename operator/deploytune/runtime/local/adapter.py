"""The port on this machine: attempts are processes under guards, records are files."""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from deploytune.api.stock_combinations import without_refused
from deploytune.api.trial import Purpose, TuningTrial, trial_name
from deploytune.api.tuning import DeploymentTuning, TuningStatus
from deploytune.contract.errors import MachineError
from deploytune.contract.request import REPOSITORY_VARIABLE, TrialRequest
from deploytune.runtime.local.attempt_folders import AttemptFolder, AttemptFolders
from deploytune.runtime.local.guard.leavings import clear_after_killed_guard
from deploytune.runtime.local.guard.orders import EndingRecord, Orders
from deploytune.runtime.local.guards import Guard
from deploytune.runtime.local.repositories import Repositories
from deploytune.runtime.local.state_directory import StateDirectory
from deploytune.runtime.local.trial_environment import (
    LocalOptions,
    build_environment,
    build_orders,
)
from deploytune.state.world import Attempt, EndedBy, World

_LOCK_PAUSE_SECONDS = 0.05
_STOP_PAUSE_SECONDS = 1.0
_GUARD_WAS_KILLED = "its guard was killed"
_RUN_WAS_LOST = "the run ended without it"


class LocalRuntime:
    """Runs the trials of one tuning as processes; use it as an asynchronous context.

    Entering waits until the attempts that an earlier run left have ended; leaving ends those of
    this run, which the next run then takes as interrupted.
    """

    def __init__(self, state: Path, tuning: DeploymentTuning, options: LocalOptions) -> None:
        """Keep records in the folder `state`; nothing is touched before it is entered."""
        self._state = state
        self._tuning = tuning
        self._searched = without_refused(tuning) if options.runs_stock_trial else tuning
        self._options = options
        self._guards: dict[tuple[int, int], Guard] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_leaving = False
        self._changed = asyncio.Event()
        self._was_stopped = False
        self._failure: MachineError | None = None

    async def __aenter__(self) -> Self:
        """Open the state directory and settle what an earlier run left.

        Raises:
            MachineError: the directory cannot be used, or the trial command is not there.
            InvalidTuningError: the directory holds another tuning.
        """
        self._options.check()
        self._directory = StateDirectory.open(self._state, self._tuning)
        self._folders = AttemptFolders(self._directory.attempts, self._tuning.metadata.name)
        self._repositories = Repositories(self._folders)
        try:
            for folder in self._folders.all():
                await self._settle_earlier(folder)
        except BaseException:
            self._directory.close()
            raise
        self._resumed_at = _now()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End what runs, wait until it has, and let go of the state directory."""
        self._is_leaving = True
        for guard in self._guards.values():
            guard.let_go()
        try:
            while self._tasks:
                await asyncio.wait(self._tasks)
        finally:
            self._directory.close()

    async def gather(self) -> World:
        """Return the records and attempts as the files say.

        Raises:
            MachineError: a record cannot be read, or an attempt's ending could not be written.
        """
        if self._failure is not None:
            raise self._failure
        self._changed.clear()
        trials = self._directory.trials()
        status = self._directory.status()
        self._was_stopped = self._directory.is_stopped
        spec = self._searched.spec.replace(stop=self._was_stopped)
        return World(
            tuning=self._searched.model_copy(update={"spec": spec, "status": status}),
            trials=trials,
            attempts=self._attempts_of(trials),
            now=_now(),
            parallel_trials=self._options.parallel_trials or self._tuning.spec.parallel_trials,
            resumed_at=self._resumed_at,
        )

    async def create_trial(self, trial: TuningTrial) -> None:
        """Put a new trial on record; one that is there already stays as it is."""
        if self._directory.trial(trial.metadata.name) is None:
            self._directory.write_trial(trial)

    async def write_trial_status(self, trial: TuningTrial) -> None:
        """Put a trial's status on record."""
        self._directory.write_trial(trial)

    async def start_attempt(self, request: TrialRequest) -> None:
        """Start a guard for a new attempt; one that was started before is left alone.

        Raises:
            MachineError: no process or no file can be made.
        """
        folder = self._folders.of(request.index, request.attempt)
        if folder.path.exists():
            return
        start = asyncio.create_task(self._start_guard(folder, request))
        self._keep(start)
        try:
            await asyncio.shield(start)  # a cancelled start would kill the guard, not its trial
        except OSError as error:
            raise MachineError(f"cannot start {folder.path.name}: {error}") from error

    async def end_attempt(self, trial_index: int, attempt: int) -> None:
        """Ask the guard of a running attempt to end it."""
        guard = self._guards.get((trial_index, attempt))
        if guard is not None:
            guard.request_end()

    async def write_tuning_status(self, status: TuningStatus) -> None:
        """Put the tuning's status on record; repositories that it rules out are removed."""
        self._directory.write_status(status)
        self._repositories.prune(self._directory.trials(), status)

    async def wait_for_change(self, timeout_seconds: float) -> None:
        """Return when an attempt has ended or the search was stopped, or after the time-out."""
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_seconds):
                while self._directory.is_stopped == self._was_stopped:
                    with suppress(TimeoutError):
                        await asyncio.wait_for(self._changed.wait(), _STOP_PAUSE_SECONDS)
                        return

    def winner_repository(self, status: TuningStatus) -> Path | None:
        """Return the Triton model repository of the status's best trial, None if there is none."""
        return self._repositories.of_best(self._directory.trials(), status)

    async def _start_guard(self, folder: AttemptFolder, request: TrialRequest) -> None:
        orders = build_orders(request, self._options, _now())
        environment = build_environment(request, orders, folder, self._options)
        if self._keeps_repository(request):
            environment[REPOSITORY_VARIABLE] = str(folder.repository)
            self._repositories.add(folder)
        folder.create(request, orders)
        guard = await Guard.start(folder, environment)
        self._guards[folder.key] = guard
        self._keep(asyncio.create_task(self._watch(guard)))
        if self._is_leaving:
            guard.let_go()

    def _keep(self, task: asyncio.Task[None]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _attempts_of(self, trials: tuple[TuningTrial, ...]) -> tuple[Attempt, ...]:
        return tuple(
            folder.read()
            for trial in trials
            if not trial.is_finished
            for folder in self._folders.of_trial(trial.spec.index)
        )

    def _keeps_repository(self, request: TrialRequest) -> bool:
        trial = self._directory.trial(trial_name(self._tuning.metadata.name, request.index))
        is_confirmation = trial is not None and trial.spec.purpose is Purpose.CONFIRM
        return is_confirmation or self._tuning.spec.budget.confirmations == 0

    async def _watch(self, guard: Guard) -> None:
        try:
            await guard.wait()
            del self._guards[guard.folder.key]
            if not guard.folder.has_ended():
                await asyncio.to_thread(_settle, guard.folder, EndedBy.NOBODY, _GUARD_WAS_KILLED)
        except OSError as error:
            self._failure = MachineError(f"{guard.folder.path} cannot be settled: {error}")
        finally:
            self._changed.set()

    async def _settle_earlier(self, folder: AttemptFolder) -> None:
        """Wait for the guard of an earlier run; do its work if it was killed."""
        if folder.has_ended():
            return
        while (lock := folder.take_lock()) is None:  # noqa: ASYNC110 - a file lock raises no event
            await asyncio.sleep(_LOCK_PAUSE_SECONDS)
        try:
            if not folder.has_ended():
                await asyncio.to_thread(_settle, folder, EndedBy.LOST_OWNER, _RUN_WAS_LOST)
        finally:
            os.close(lock)


def _settle(folder: AttemptFolder, ended_by: EndedBy, detail: str) -> None:
    """Clear up after a killed guard and write the ending that it could not."""
    left = clear_after_killed_guard(Orders.read(folder.path), folder.path)
    EndingRecord(
        exit_code=None,
        ended_by=ended_by.value,
        out_of_memory=False,
        seconds=folder.last_sign_seconds(),
        detail="; ".join(filter(None, (detail, left))),
    ).write(folder.path)


def _now() -> datetime:
    return datetime.now(UTC)
