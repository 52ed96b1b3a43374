"""What tests with real processes share: options, one attempt run to its end, what is left."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from builders import a_configuration, a_trial, a_tuning, the_parameters

from deploytune.api.tuning import DeploymentTuning
from deploytune.runtime.local.adapter import LocalRuntime
from deploytune.runtime.local.guard.control_groups import place_for
from deploytune.runtime.local.trial_environment import LocalOptions, MemoryEnforcement
from deploytune.state.requests import build_request
from deploytune.state.world import Attempt

TESTS = Path(__file__).parent
TRIAL_PROGRAM = TESTS / "trial_programs" / "deterministic.py"
RUN_PROGRAM = TESTS / "local" / "run_tuning.py"
MEMORY_LIMIT = "100Mi"
PATIENCE_SECONDS = 30.0

TRIAL_COMMAND = (sys.executable, str(TRIAL_PROGRAM))


def local_options(folder: Path, **changes: object) -> LocalOptions:
    """Short deadlines, and trials that work in `folder`."""
    settings: dict[str, object] = {
        "working_directory": folder,
        "trial_command": TRIAL_COMMAND,
        "deadline_margin_seconds": 0.2,
        "grace_seconds": 0.5,
        **changes,
    }
    return LocalOptions(**settings)  # type: ignore[arg-type]  # as the caller says


def local_tuning(**changes: object) -> DeploymentTuning:
    """A tuning of the deterministic trial, under a memory limit."""
    settings: dict[str, object] = {
        "parameters": the_parameters(),
        "resources": {"memory": MEMORY_LIMIT},
        "run_deadline_seconds": 20.0,
        **changes,
    }
    return a_tuning(**settings)  # type: ignore[arg-type]  # as the caller says


async def run_one(
    state: Path,
    kind: str,
    *,
    options: Mapping[str, object] | None = None,
    tuning: DeploymentTuning | None = None,
) -> Attempt:
    """Run one attempt of a trial of a kind to its end."""
    tuning = tuning or local_tuning()
    trial = a_trial(0, a_configuration(kind=kind))
    state.parent.mkdir(exist_ok=True)
    async with LocalRuntime(state, tuning, local_options(state.parent, **(options or {}))) as run:
        await run.create_trial(trial)
        await run.start_attempt(build_request(tuning, trial, 0))
        await run.wait_for_change(PATIENCE_SECONDS)
        (attempt,) = (await run.gather()).attempts
    return attempt


def wait_until(condition: Callable[[], bool], what: str) -> None:
    """Poll until a condition holds; fail after a while."""
    give_up = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < give_up, f"never happened: {what}"
        time.sleep(0.01)


def left_behind(state: Path) -> list[str]:
    """Return everything that trials of a state directory left: nothing, if all is well."""
    return [
        *_processes(state),
        *_control_groups(state),
        *_shared_memory(state),
        *_scratch(state),
    ]


def _processes(state: Path) -> Sequence[str]:
    mark = str(state).encode()
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal() and int(folder.name) != os.getpid():
            try:
                environment = (folder / "environ").read_bytes()
                command = (folder / "cmdline").read_bytes()
            except OSError:
                continue
            if mark in environment or mark in command:
                found.append(f"process {folder.name} {command!r}")
    return found


def _control_groups(state: Path) -> Sequence[str]:
    groups = [order[name] for order in _orders(state) for name in ("memory_group", "cpu_group")]
    return [group for group in groups if group is not None and Path(group).exists()]


def _shared_memory(state: Path) -> Sequence[str]:
    prefixes = [order["shared_memory_prefix"] for order in _orders(state)]
    return [str(p) for prefix in prefixes for p in Path("/dev/shm").glob(f"*{prefix}*")]


def _orders(state: Path) -> list[dict[str, Any]]:
    return [json.loads(path.read_bytes()) for path in state.glob("attempts/*/orders.json")]


def _scratch(state: Path) -> Sequence[str]:
    return [str(path) for path in state.glob("attempts/*/scratch")]


def memory_enforcements() -> list[MemoryEnforcement]:
    """The ways of this machine to enforce a memory limit."""
    ways = [MemoryEnforcement.WATCHDOG]
    return ways if place_for("memory") is None else [MemoryEnforcement.CONTROL_GROUP, *ways]
