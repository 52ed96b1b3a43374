"""What the local adapter adds to the port: environment, repositories, whole tunings."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import pytest
from builders import a_configuration, a_trial, the_parameters
from local_builders import left_behind, local_options, local_tuning, run_one

from deploytune.contract.errors import MachineError
from deploytune.runtime.local.adapter import LocalRuntime
from deploytune.runtime.local.trial_environment import STOCK_TRIAL, measure_lock
from deploytune.runtime.passes import run_until_finished
from deploytune.state.requests import build_request

_SHOW = "import os; [print(f'{k}={v}') for k, v in os.environ.items()]; print(os.getcwd())"


async def test_a_whole_tuning_ends_with_the_repository_of_its_winner(tmp_path: Path) -> None:
    state = tmp_path / "state"
    tuning = local_tuning(
        parameters=the_parameters(("measure", "crash")), max_trials=8, confirmations=2
    )
    async with LocalRuntime(state, tuning, local_options(tmp_path)) as runtime:
        status = await run_until_finished(runtime)
        repository = runtime.winner_repository(status)
    assert status.best is not None
    assert 2 == status.best.confirmations
    assert {"Feasible", "Crashed"} <= set(status.outcomes)
    assert repository is not None
    assert (repository / "config.pbtxt").exists()
    confirmations = {f"attempts/tune-{8 + n}-0/repository" for n in range(2)}
    kept = {str(path.relative_to(state)) for path in state.glob("attempts/*/repository")}
    assert confirmations == kept
    assert [] == left_behind(state)


async def test_without_confirmations_only_the_incumbents_repository_is_kept(
    tmp_path: Path,
) -> None:
    state, tuning = tmp_path / "state", local_tuning(max_trials=4, confirmations=0)
    async with LocalRuntime(state, tuning, local_options(tmp_path)) as runtime:
        status = await run_until_finished(runtime)
        repository = runtime.winner_repository(status)
    assert status.best is not None
    assert [repository] == list(state.glob("attempts/*/repository"))
    assert repository is not None
    assert status.best.trial in (repository / "config.pbtxt").read_text()


async def test_a_finished_tuning_answers_again_without_any_trial(tmp_path: Path) -> None:
    state, tuning = tmp_path / "state", local_tuning(max_trials=2, confirmations=0)
    answers = []
    for _ in range(2):
        async with LocalRuntime(state, tuning, local_options(tmp_path)) as runtime:
            status = await run_until_finished(runtime)
            answers.append((status, runtime.winner_repository(status)))
    assert answers[0] == answers[1]
    assert 2 == len(list(state.glob("attempts/*")))


async def test_a_trial_is_given_what_the_contract_names(tmp_path: Path) -> None:
    state = tmp_path / "state"
    folder = tmp_path / "tunings"
    folder.mkdir()
    variables = {"PATH": "/usr/bin:/bin", "XDG_RUNTIME_DIR": str(tmp_path), "PYTHONPATH": "a:b"}
    await run_one(
        state,
        "measure",
        options={
            "trial_command": (sys.executable, "-I", "-S", "-c", _SHOW),
            "working_directory": folder,
            "ports": "9000-9010",
            "artefact_cache": tmp_path / "artefacts",
            "artefact_cache_bytes": 2**30,
            "variables": variables,
        },
    )
    lines = (state / "attempts/tune-0-0/log").read_text().splitlines()
    shown = dict(line.split("=", 1) for line in lines if "=" in line)
    assert str(folder) == lines[-1]
    assert '"trial":"tune-0"' in shown["DEPLOYTUNE_TRIAL"]
    assert str(state / "attempts/tune-0-0/termination") == shown["DEPLOYTUNE_TERMINATION_LOG"]
    assert str(state / "attempts/tune-0-0/scratch") == shown["DEPLOYTUNE_SCRATCH"]
    assert str(tmp_path / "deploytune.measure.lock") == shown["DEPLOYTUNE_MEASURE_LOCK"]
    assert "9000-9010" == shown["DEPLOYTUNE_PORTS"]
    assert str(tmp_path / "artefacts") == shown["DEPLOYTUNE_ARTEFACT_CACHE"]
    assert str(2**30) == shown["DEPLOYTUNE_ARTEFACT_CACHE_BYTES"]
    assert shown["DEPLOYTUNE_SHM_PREFIX"].startswith("deploytune-")
    assert "DEPLOYTUNE_REPOSITORY" not in shown
    assert f"{Path.cwd() / 'a'}:{Path.cwd() / 'b'}" == shown["PYTHONPATH"]


def test_without_a_runtime_folder_the_lock_is_one_a_user_and_machine() -> None:
    assert Path("/tmp") == measure_lock({}).parent
    assert Path("/tmp") == measure_lock({"XDG_RUNTIME_DIR": "/does/not/exist"}).parent


@pytest.mark.parametrize("command", ["no-such-program", "./no-such-program"])
def test_a_trial_command_that_is_not_there_is_refused_before_anything_is_touched(
    tmp_path: Path, command: str
) -> None:
    async def enter() -> None:
        options = local_options(tmp_path, trial_command=(command,))
        async with LocalRuntime(tmp_path / "state", local_tuning(), options):
            pass

    with pytest.raises(MachineError, match="must be an executable program"):
        asyncio.run(enter())
    assert [] == list(tmp_path.iterdir())


def test_a_trial_command_beside_the_tuning_is_found_from_the_folder_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "program").symlink_to(sys.executable)
    monkeypatch.chdir(tmp_path)

    local_options(Path(), trial_command=("./program",)).check()


async def test_a_start_that_the_machine_refuses_is_one_line(tmp_path: Path) -> None:
    tuning, trial = local_tuning(), a_trial(0)
    async with LocalRuntime(tmp_path / "state", tuning, local_options(tmp_path)) as runtime:
        await runtime.create_trial(trial)
        (tmp_path / "state" / "attempts").rmdir()
        with pytest.raises(MachineError, match="cannot start tune-0-0: "):
            await runtime.start_attempt(build_request(tuning, trial, 0))


async def test_a_cancelled_start_still_leaves_nothing(tmp_path: Path) -> None:
    state, tuning, trial = tmp_path / "state", local_tuning(), a_trial(0, a_configuration())
    async with LocalRuntime(state, tuning, local_options(tmp_path)) as runtime:
        await runtime.create_trial(trial)
        start = asyncio.create_task(runtime.start_attempt(build_request(tuning, trial, 0)))
        await asyncio.sleep(0)
        start.cancel()
        await asyncio.wait([start])
    assert start.cancelled()
    assert (state / "attempts/tune-0-0/ending.json").exists()
    assert [] == left_behind(state)


async def test_the_options_parallelism_stands_over_the_tunings(tmp_path: Path) -> None:
    options = local_options(tmp_path, parallel_trials=5)
    async with LocalRuntime(tmp_path / "state", local_tuning(), options) as runtime:
        assert 5 == (await runtime.gather()).parallel_trials


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        pytest.param({}, (), id="a trial of one's own"),
        pytest.param(
            {"trial_command": STOCK_TRIAL},
            (
                {"backend": "onnxruntime", "precision": "fp8"},
                {"backend": "tensorrt", "precision": "int8-dynamic"},
            ),
            id="the stock trial",
        ),
    ],
)
async def test_the_search_does_without_what_the_stock_trial_refuses(
    tmp_path: Path, options: dict[str, Any], expected: tuple[dict[str, str], ...]
) -> None:
    parameters = [
        {"name": "backend", "type": "Categorical", "values": ["onnxruntime", "tensorrt"]},
        {"name": "precision", "type": "Categorical", "values": ["fp16", "fp8", "int8-dynamic"]},
    ]
    tuning, chosen = local_tuning(parameters=parameters), local_options(tmp_path, **options)
    async with LocalRuntime(tmp_path / "state", tuning, chosen) as runtime:
        space = (await runtime.gather()).tuning.spec.search_space
    assert expected == space.exclude
    assert tuning.spec.search_space.exclude == ()
