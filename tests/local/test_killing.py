"""Killing and interrupting whole runs: nothing lost, nothing doubled, nothing left behind."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from builders import the_parameters
from local_builders import PATIENCE_SECONDS, RUN_PROGRAM, TESTS, left_behind, wait_until

from deploytune.api.trial import TuningTrial
from deploytune.api.tuning import TuningStatus

pytestmark = [pytest.mark.killing, pytest.mark.timeout(400)]

KILLS = 20
SEED = 20260101
SETTINGS: dict[str, Any] = {
    "parameters": the_parameters(("measure", "slow", "crash", "allocate", "daemonise")),
    "max_trials": 14,
    "confirmations": 2,
}


Start = Callable[[Path, dict[str, Any]], subprocess.Popen[str]]


@pytest.fixture
def start() -> Iterator[Start]:
    """Return what starts a run and waits until the state directory is its own."""
    with ExitStack() as runs:

        def start_run(state: Path, settings: dict[str, Any]) -> subprocess.Popen[str]:
            run = subprocess.Popen(
                [sys.executable, str(RUN_PROGRAM), str(state), json.dumps(settings)],
                env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(TESTS)},
                stdout=subprocess.PIPE,
                text=True,
                start_new_session=True,
            )
            runs.callback(run.wait)
            runs.callback(run.kill)
            assert run.stdout is not None
            first_line = run.stdout.readline()
            run.stdout.close()
            assert "open\n" == first_line
            return run

        yield start_run


def _finish(start: Start, state: Path, settings: dict[str, Any]) -> None:
    assert 0 == start(state, settings).wait(10 * PATIENCE_SECONDS)


def _trials(state: Path) -> list[TuningTrial]:
    paths = (state / "trials").glob("tune-*.json")
    trials = [TuningTrial.model_validate_json(path.read_bytes()) for path in paths]
    return sorted(trials, key=lambda trial: trial.spec.index)


def _essence(state: Path) -> list[tuple[Any, ...]]:
    return [
        (
            trial.spec.index,
            trial.spec.purpose,
            trial.spec.parameters,
            trial.spec.proposal,
            trial.status.outcome,
            trial.status.cause,
            trial.status.metrics,
            trial.status.completion_index,
        )
        for trial in _trials(state)
    ]


def _status(state: Path) -> TuningStatus:
    return TuningStatus.model_validate_json((state / "status.json").read_bytes())


def test_a_run_killed_at_20_random_moments_makes_the_same_trials(
    tmp_path: Path, start: Start
) -> None:
    undisturbed, killed = tmp_path / "undisturbed" / "state", tmp_path / "killed" / "state"
    for state in (undisturbed, killed):
        state.parent.mkdir()
    _finish(start, undisturbed, SETTINGS)

    moments = random.Random(SEED)
    for _ in range(KILLS):
        run = start(killed, SETTINGS)
        time.sleep(moments.uniform(0.0, 0.6))  # the moment is what is random here
        run.kill()
        run.wait()
    _finish(start, killed, SETTINGS)

    assert _essence(undisturbed) == _essence(killed)
    assert 16 == len(_trials(killed))
    assert _status(undisturbed).outcomes == _status(killed).outcomes
    assert {"Feasible", "Crashed"} <= set(_status(killed).outcomes)
    interrupted = [
        record.cause for trial in _trials(killed) for record in trial.status.attempts[:-1]
    ]
    assert interrupted
    assert {"Interrupted"} == set(interrupted)
    assert [] == left_behind(killed)
    assert [] == left_behind(undisturbed)


def test_what_a_killed_run_left_is_gone_even_if_no_run_follows(
    tmp_path: Path, start: Start
) -> None:
    state = tmp_path / "state"
    run = start(state, {"parameters": the_parameters(("hang",)), "parallel_trials": 2})
    wait_until(lambda: len(list(state.glob("attempts/*/termination"))) == 2, "two trials")
    run.kill()
    run.wait()
    wait_until(lambda: left_behind(state) == [], "guards that clear up by themselves")
    assert 2 == len(list(state.glob("attempts/*/ending.json")))


def test_an_interrupted_run_ends_its_trials_and_continues_later(
    tmp_path: Path, start: Start
) -> None:
    state = tmp_path / "state"
    settings = {"parameters": the_parameters(("slow",)), "max_trials": 4, "confirmations": 1}
    run = start(state, settings)
    wait_until((state / "attempts/tune-1-0/termination").exists, "the second trial")
    run.send_signal(signal.SIGINT)
    assert 130 == run.wait(PATIENCE_SECONDS)
    assert [] == left_behind(state)
    assert not _trials(state)[1].is_finished

    _finish(start, state, settings)
    assert 5 == len(_trials(state))
    first, second = _trials(state)[1].status.attempts
    assert "Interrupted" == first.cause
    assert second.outcome.policy.told


def test_parallel_trials_never_run_more_than_allowed(tmp_path: Path, start: Start) -> None:
    state = tmp_path / "state"
    settings = {
        "parameters": the_parameters(("slow",)),
        "max_trials": 9,
        "confirmations": 3,
        "parallel_trials": 3,
    }
    _finish(start, state, settings)
    spans = []
    for folder in (state / "attempts").iterdir():
        orders = json.loads((folder / "orders.json").read_bytes())
        begun = (folder / "guard.lock").stat().st_mtime
        spans.append((begun, (folder / "ending.json").stat().st_mtime, orders["command"]))
    most = max(sum(b <= moment < e for b, e, _ in spans) for moment, _, _ in spans)
    assert 12 == len(spans)
    assert 2 <= most <= 3
    assert 12 == len(_trials(state))
