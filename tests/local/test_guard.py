"""Guards over real processes: memory, time, orphans, and guards that are killed themselves."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from builders import a_configuration, a_trial
from local_builders import (
    PATIENCE_SECONDS,
    left_behind,
    local_options,
    local_tuning,
    memory_enforcements,
    run_one,
    wait_until,
)

from deploytune.contract.bounded_logs import LONGEST_LOG_BYTES
from deploytune.contract.stages import Stage
from deploytune.runtime.local.adapter import LocalRuntime
from deploytune.runtime.local.guard.leavings import MARK_VARIABLE
from deploytune.runtime.local.guard.orders import ENDING_FILE, SCRATCH_FOLDER, Orders
from deploytune.runtime.local.guards import _START
from deploytune.runtime.local.trial_environment import MemoryEnforcement
from deploytune.state.requests import build_request
from deploytune.state.world import EndedBy, Ending


async def _ending(state: Path, kind: str, **options: object) -> Ending:
    attempt = await run_one(state, kind, options=options)
    assert attempt.ending is not None
    assert [] == left_behind(state)
    return attempt.ending


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.mark.parametrize("enforcement", memory_enforcements())
@pytest.mark.parametrize("kind", ["allocate", "child-allocates"])
async def test_memory_beyond_the_limit_ends_the_attempt(
    state: Path, kind: str, enforcement: MemoryEnforcement
) -> None:
    ending = await _ending(state, kind, memory_enforcement=enforcement)
    assert (True, EndedBy.MEMORY_LIMIT) == (ending.out_of_memory, ending.ended_by)
    assert ending.seconds < PATIENCE_SECONDS / 2


@pytest.mark.skipif(
    MemoryEnforcement.CONTROL_GROUP not in memory_enforcements(),
    reason="no memory control group may be made here",
)
async def test_a_child_killed_by_the_kernel_is_out_of_memory_though_its_parent_exits_0(
    state: Path,
) -> None:
    for number in range(3):  # whether the guard's tick or the parent's exit is first, it is told
        ending = await _ending(state.with_name(f"state-{number}"), "child-allocates")
        assert ending.out_of_memory


@pytest.mark.parametrize("enforcement", memory_enforcements())
async def test_an_attempt_within_its_limits_ends_by_itself(
    state: Path, enforcement: MemoryEnforcement
) -> None:
    ending = await _ending(state, "measure", memory_enforcement=enforcement)
    assert (0, EndedBy.NOBODY, False, "") == (
        ending.exit_code,
        ending.ended_by,
        ending.out_of_memory,
        ending.detail,
    )


async def test_the_run_deadline_ends_a_hanging_trial(state: Path) -> None:
    tuning = local_tuning(run_deadline_seconds=3.0)  # a busy machine is slow to start the trial
    attempt = await run_one(state, "hang", tuning=tuning)
    assert attempt.ending is not None
    assert (EndedBy.RUN_DEADLINE, -signal.SIGTERM) == (
        attempt.ending.ended_by,
        attempt.ending.exit_code,
    )
    assert Stage.BUILD is attempt.stage
    assert 3.0 <= attempt.ending.seconds < 8.0


async def test_time_spent_waiting_for_the_measurement_lock_is_not_counted(state: Path) -> None:
    program = (
        "import json, os, time\n"
        "since = time.monotonic()\n"
        "log = os.environ['DEPLOYTUNE_TERMINATION_LOG']\n"
        "def say(**more):\n"
        "    with open(log, 'w') as file:\n"
        "        json.dump({'version': 1, 'stage': 'WarmUp', **more}, file)\n"
        "say(waitedSeconds=0.0, waitingSince=since)\n"
        "time.sleep(2)\n"
        "say(waitedSeconds=time.monotonic() - since)\n"
        "time.sleep(600)\n"
    )
    tuning = local_tuning(run_deadline_seconds=1.0)
    command = {"trial_command": (sys.executable, "-I", "-S", "-c", program)}
    attempt = await run_one(state, "hang", tuning=tuning, options=command)
    assert attempt.ending is not None
    assert EndedBy.RUN_DEADLINE is attempt.ending.ended_by
    assert attempt.ending.seconds >= 3.0


async def test_sigkill_follows_where_sigterm_is_ignored(state: Path) -> None:
    tuning = local_tuning(run_deadline_seconds=3.0)
    attempt = await run_one(state, "ignore-sigterm", tuning=tuning)
    assert attempt.ending is not None
    assert (EndedBy.RUN_DEADLINE, -signal.SIGKILL) == (
        attempt.ending.ended_by,
        attempt.ending.exit_code,
    )


async def test_a_trial_that_forks_and_daemonises_leaves_nothing(state: Path) -> None:
    ending = await _ending(state, "daemonise")
    assert (0, "") == (ending.exit_code, ending.detail)


async def test_a_trial_that_prints_forever_does_not_fill_the_disk(state: Path) -> None:
    program = "import os\nwhile True: os.write(1, 100 * (1023 * b'x' + b'\\n'))"
    command = {"trial_command": (sys.executable, "-I", "-S", "-c", program)}
    tuning = local_tuning(run_deadline_seconds=1.0)
    attempt = await run_one(state, "print-forever", tuning=tuning, options=command)
    assert attempt.ending is not None
    assert EndedBy.RUN_DEADLINE is attempt.ending.ended_by
    log = state / "attempts/tune-0-0/log"
    assert LONGEST_LOG_BYTES >= log.stat().st_size
    with log.open("rb") as lines:
        assert re.fullmatch(rb"\[\d+ bytes are left out\]\n", lines.readline())


async def test_a_crash_shows_its_signal(state: Path) -> None:
    assert -signal.SIGSEGV == (await _ending(state, "crash")).exit_code


async def test_a_command_that_cannot_be_run_shows_in_exit_code_and_log(state: Path) -> None:
    broken = state.parent / "broken"
    broken.write_bytes(b"\x7fELF no program at all")
    broken.chmod(0o755)
    ending = await _ending(state, "measure", trial_command=(str(broken),))
    assert 127 == ending.exit_code
    assert "cannot start the trial" in (state / "attempts/tune-0-0/log").read_text()


async def test_a_trial_that_kills_its_guard_is_ended_and_cleared_up(state: Path) -> None:
    ending = await _ending(state, "kill-guard")
    assert (None, EndedBy.NOBODY) == (ending.exit_code, ending.ended_by)
    assert "guard was killed" in ending.detail


async def test_sigterm_for_the_guard_reaches_its_trial(state: Path) -> None:
    tuning, trial = local_tuning(), a_trial(0, a_configuration(kind="hang"))
    async with LocalRuntime(state, tuning, local_options(state.parent)) as runtime:
        await runtime.create_trial(trial)
        await runtime.start_attempt(build_request(tuning, trial, 0))
        termination = state / "attempts/tune-0-0/termination"
        wait_until(lambda: termination.exists() and bool(termination.read_bytes()), "a breadcrumb")
        (guard,) = runtime._guards.values()
        os.kill(guard._process.pid, signal.SIGTERM)
        await runtime.wait_for_change(PATIENCE_SECONDS)
        (attempt,) = (await runtime.gather()).attempts
    assert attempt.ending is not None
    assert (EndedBy.NOBODY, -signal.SIGTERM) == (
        attempt.ending.ended_by,
        attempt.ending.exit_code,
    )


def _as_if_its_guard_had_been_killed(attempt: Path) -> subprocess.Popen[bytes]:
    (attempt / ENDING_FILE).unlink()
    (attempt / SCRATCH_FOLDER).mkdir()
    prefix = Orders.read(attempt).shared_memory_prefix
    Path("/dev/shm", f"{prefix}left").write_bytes(b"left")
    return subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", "import time; time.sleep(600)"],
        env={MARK_VARIABLE: prefix},
        start_new_session=True,
    )


async def test_the_next_run_clears_up_after_a_guard_and_a_run_that_were_killed(
    state: Path,
) -> None:
    tuning, trial = local_tuning(), a_trial(0, a_configuration(kind="hang"))
    options = local_options(state.parent)
    async with LocalRuntime(state, tuning, options) as runtime:
        await runtime.create_trial(trial)
        await runtime.start_attempt(build_request(tuning, trial, 0))
        await runtime.wait_for_change(PATIENCE_SECONDS / 100)
    stray = _as_if_its_guard_had_been_killed(state / "attempts/tune-0-0")
    async with LocalRuntime(state, tuning, options) as runtime:
        (attempt,) = (await runtime.gather()).attempts
    assert -signal.SIGKILL == stray.wait(PATIENCE_SECONDS)
    assert attempt.ending is not None
    assert (None, EndedBy.LOST_OWNER) == (attempt.ending.exit_code, attempt.ending.ended_by)
    assert [] == left_behind(state)


async def test_a_cpu_limit_is_the_quota_of_the_attempts_control_group(state: Path) -> None:
    program = "print(open('/proc/self/cgroup').read())"
    tuning = local_tuning(resources={"cpu": "500m"})
    command = {"trial_command": (sys.executable, "-I", "-S", "-c", program)}
    await run_one(state, "measure", tuning=tuning, options=command)
    group = Orders.read(state / "attempts/tune-0-0").cpu_group
    if group is None:
        pytest.skip("no CPU control group may be made here")
    assert Path(group).name in (state / "attempts/tune-0-0/log").read_text()
    assert [] == left_behind(state)


def test_a_guard_starts_fast_and_without_any_installed_package() -> None:
    program = f"{_START.replace('; main()', '')}; print([m for m in sys.modules if '_' not in m])"
    shown = subprocess.run(
        [sys.executable, "-I", "-S", "-c", program], capture_output=True, text=True, check=True
    ).stdout
    assert "deploytune.runtime.local.guard.supervisor" in shown
    for heavy in ("pydantic", "asyncio", "psutil", "subprocess"):
        assert f"'{heavy}'" not in shown
