"""Records a table: plays what the rounds ask for, one trial at a time, until nothing is left.

Its state directory is of this run only: what an earlier run was interrupted in is let end, thrown
away and played again.
"""

from __future__ import annotations

import asyncio
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

from deploytune.api.translate import problem_of
from deploytune.api.tuning import DeploymentTuning
from deploytune.bench.recording.lines import Line, Results
from deploytune.bench.recording.playing import play
from deploytune.bench.recording.rounds import Rounds
from deploytune.contract.errors import InvalidTuningError
from deploytune.contract.models import ContractModel
from deploytune.runtime.local.adapter import LocalRuntime
from deploytune.runtime.local.trial_environment import LocalOptions

Observer = Callable[[Line, int, int], None]
"""Told of every trial that ended, how many are on record, and how many are left."""

_SEARCHED = {"objectives", "constraints", "search_space"}
_LOADED = {"loads", "request_batch"}
_BOUNDED = {"run_deadline_seconds", "latency_abort_factor"}


def question_of(tuning: DeploymentTuning) -> dict[str, Any]:
    """Return the part of a tuning that decides how its trials end, its files aside."""
    spec = tuning.spec
    return {
        **_plain(spec, _SEARCHED),
        **_plain(spec.workload, _LOADED),
        "models": [model.name for model in spec.workload.models],
        "resources": _plain(spec.node_pools[0].resources, None),
        **_plain(spec.trial, _BOUNDED),
    }


def _plain(model: ContractModel, fields: set[str] | None) -> dict[str, Any]:
    return model.model_dump(mode="json", by_alias=True, exclude_none=True, include=fields)


def check_recordable(tuning: DeploymentTuning) -> None:
    """Refuse a tuning over several pools: trials of one table are of one kind of machine.

    Raises:
        InvalidTuningError: says so.
    """
    pools = len(tuning.spec.node_pools)
    if pools != 1:
        raise InvalidTuningError("spec.nodePools", "must be a single pool to be recorded", pools)


def rounds_of(tuning: DeploymentTuning, results: Results, repeats: int, near: float) -> Rounds:
    """Return the order in which a recording goes on.

    Raises:
        InvalidTuningError: its space cannot be measured densely.
    """
    problem = problem_of(tuning.spec)
    limits = tuple(constraint.limit for constraint in problem.constraints)
    heading = results.heading
    return Rounds(problem.space, limits, heading.anchor, heading.seed, repeats, near)


def forget_interrupted(tuning: DeploymentTuning, state: Path, options: LocalOptions) -> None:
    """Let the trial that an interrupted run left end, and throw its records away.

    Raises:
        MachineError: another recording is running.
    """
    if state.exists():
        asyncio.run(_throw_away(LocalRuntime(state, tuning, options)))
        shutil.rmtree(state)


async def record(
    tuning: DeploymentTuning,
    rounds: Rounds,
    results: Results,
    state: Path,
    options: LocalOptions,
    observer: Observer,
) -> None:
    """Play what is left, and append it; cancelling or SIGTERM ends the trial that runs.

    Raises:
        MachineError: trials cannot run here, or the results cannot be written.
    """
    this = asyncio.current_task()
    assert this is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, this.cancel)
    async with LocalRuntime(state, tuning, options) as runtime:
        while (ask := rounds.next_ask(results.lines)) is not None:
            line = await play(runtime, tuning, ask, len(results.lines))
            results.append(line)
            observer(line, len(results.lines), rounds.left(results.lines))


async def _throw_away(runtime: LocalRuntime) -> None:
    """Let the trial of an interrupted run end."""
    async with runtime:
        pass
