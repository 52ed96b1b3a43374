"""Where a running tuning stands, and how it is shown."""

from __future__ import annotations

import io
from typing import Any

import pytest
from builders import OBJECTIVE, a_finished_trial, a_trial, a_tuning, at
from rich.console import Console

from deploytune.api.conditions import Condition, ConditionStatus, ConditionType, Reason
from deploytune.api.trial import Purpose, TuningTrial
from deploytune.api.tuning import (
    Answer,
    DeploymentTuning,
    LimitMargin,
    TuningStatus,
    WastedSeconds,
)
from deploytune.contract.outcomes import Cause, OutcomeKind
from deploytune.contract.stages import Stage
from deploytune.report.progress import Progress, progress_of
from deploytune.report.terminal import Display, trial_line

TUNING = a_tuning(max_trials=8, confirmations=2)
BEST = Answer(trial="tune-1", parameters={}, metrics={})
STOPPING = Condition(
    type=ConditionType.PROGRESSING,
    status=ConditionStatus.TRUE,
    reason=Reason.STOPPING,
    last_transition_time=at(0).isoformat(),
)
SUSPENDED = Condition(
    type=ConditionType.SUSPENDED,
    status=ConditionStatus.TRUE,
    reason=Reason.SUSPENDED,
    last_transition_time=at(60).isoformat(),
)


def test_confirmations_are_expected_on_top_of_the_search() -> None:
    assert the_progress([]).expected == 10


@pytest.mark.parametrize(
    ("tuning", "status"),
    [
        pytest.param(TUNING, TuningStatus(search_stage="Confirming"), id="confirming"),
        pytest.param(TUNING, TuningStatus(conditions=(STOPPING,)), id="stopping"),
        pytest.param(a_tuning(confirmations=2, spec={"stop": True}), TuningStatus(), id="stopped"),
    ],
)
def test_after_the_search_only_the_confirmations_that_are_missing_are_expected(
    tuning: DeploymentTuning, status: TuningStatus
) -> None:
    search = [a_finished_trial(0), a_finished_trial(1)]
    refuted = a_finished_trial(
        2, OutcomeKind.INFEASIBLE, purpose=Purpose.CONFIRM, confirms=0, throughput=None
    )
    spoiled = a_finished_trial(
        3, OutcomeKind.INFRASTRUCTURE, purpose=Purpose.CONFIRM, confirms=1, throughput=None
    )
    running = a_trial(4, purpose=Purpose.CONFIRM, confirms=1)

    def expected(*trials: TuningTrial, **answer: Any) -> int:
        now = status.replace(best=BEST.replace(**answer))
        return progress_of(tuning, trials, {}, now, at(10), 1).expected

    assert 2 == progress_of(tuning, search, {}, status, at(10), 1).expected, "nothing to confirm"
    assert 4 == expected(*search)
    assert 5 == expected(*search, refuted)
    assert 6 == expected(*search, refuted, spoiled, running)
    assert 6 == expected(*search, refuted, spoiled, running, a_trial(5), confirmations=1)


def test_of_a_tuning_that_has_ended_nothing_more_is_expected() -> None:
    status = TuningStatus(best=BEST, completion_time=at(9).isoformat())
    assert 1 == progress_of(TUNING, [a_finished_trial(0)], {}, status, at(10), 1).expected


def test_a_running_trial_shows_its_stage_and_its_seconds() -> None:
    running = the_progress([a_finished_trial(0), a_trial(1)], running={1: Stage.SERVE}).running
    assert [(t.name, t.doing, t.seconds) for t in running] == [("tune-1", Stage.SERVE, 10.0)]


def test_the_time_left_comes_from_the_mean_of_charged_trials() -> None:
    trials = [
        a_finished_trial(0, seconds=10.0),
        a_finished_trial(1, OutcomeKind.INFRASTRUCTURE, seconds=500.0),
    ]
    assert the_progress(trials).seconds_left == 80.0


def test_the_time_left_never_passes_the_longest_duration() -> None:
    tuning = a_tuning(max_trials=8, budget={"maxDurationSeconds": 120})
    progress = progress_of(
        tuning,
        [a_finished_trial(0, seconds=60.0)],
        {},
        TuningStatus(start_time=at(0).isoformat()),
        at(100),
        1,
    )
    assert progress.seconds_left == 20.0


@pytest.mark.parametrize(
    ("seconds_left", "status"),
    [
        pytest.param(50.0, TuningStatus(suspended_seconds=30.0), id="suspended before"),
        pytest.param(60.0, TuningStatus(conditions=(SUSPENDED,)), id="suspended now"),
        pytest.param(120.0, TuningStatus(best=BEST, search_stage="Confirming"), id="confirming"),
    ],
)
def test_neither_suspensions_nor_confirmations_are_of_the_longest_duration(
    seconds_left: float, status: TuningStatus
) -> None:
    tuning = a_tuning(max_trials=8, budget={"maxDurationSeconds": 120})
    status = status.replace(start_time=at(0).isoformat())
    trials = [a_finished_trial(0, seconds=60.0)]
    assert seconds_left == progress_of(tuning, trials, {}, status, at(100), 1).seconds_left


def test_nothing_is_said_of_the_time_left_before_a_trial_has_ended() -> None:
    assert the_progress([a_trial(0)]).seconds_left is None


def test_waste_is_a_share_of_the_time_of_trials() -> None:
    status = TuningStatus(
        trial_seconds=40.0, wasted=(WastedSeconds(cause="Crashed/OutOfMemory", seconds=10.0),)
    )
    progress = progress_of(TUNING, [], {}, status, at(0), 1)
    assert progress.wasted_share == 0.25


def test_a_crash_names_its_cause_and_its_stage() -> None:
    trial = a_finished_trial(1, OutcomeKind.CRASHED, cause=Cause.OUT_OF_MEMORY, throughput=None)
    crashed = trial.model_copy(update={"status": trial.status.replace(reached_stage=Stage.BUILD)})
    assert "Crashed/OutOfMemory in Build" in trial_line(TUNING, crashed, 2, 10).plain


def test_a_measured_trial_shows_objective_and_limited_metrics() -> None:
    line = trial_line(TUNING, a_finished_trial(1, throughput=120.0, memory=80.0), 2, 10).plain
    assert "throughput@full 120 inferences/s  server_memory_mib 80 MiB" in line


def test_what_is_to_be_mended_cannot_steer_the_terminal() -> None:
    trial = a_finished_trial(
        1, OutcomeKind.MISCONFIGURED, throughput=None, parameters={"a": "\x1b"}
    )
    said = trial.status.replace(message="\x1b]0;title\x07no torch\n2/10")
    line = trial_line(TUNING, trial.model_copy(update={"status": said}), 1, 10).plain
    assert line.isprintable()
    assert "no torch 2/10" in line


def test_away_from_a_terminal_every_trial_gets_one_line_when_it_ends() -> None:
    written = io.StringIO()
    console = Console(file=written, width=200)
    first, second = a_finished_trial(0), a_finished_trial(1, OutcomeKind.INFEASIBLE)
    with Display(TUNING, console) as display:
        display.update([first, a_trial(1)], the_progress([first, a_trial(1)]))
        display.update([first, second], the_progress([first, second]))
        display.update([first, second], the_progress([first, second]))
    lines = written.getvalue().splitlines()
    assert [(line.split()[0], line.split()[2]) for line in lines] == [
        ("1/10", "Feasible"),
        ("2/10", "Infeasible"),
    ]


def test_on_a_terminal_a_panel_shows_what_runs() -> None:
    written = io.StringIO()
    console = Console(file=written, width=120, force_terminal=True, color_system=None)
    trials = [a_finished_trial(0), a_trial(1)]
    with Display(TUNING, console) as display:
        display.update(trials, the_progress(trials, running={1: Stage.MEASURE}))
    assert "tune-1 Search Measure 10 s" in written.getvalue()
    assert "nothing feasible yet" in written.getvalue()


def test_a_value_of_a_running_trial_cannot_steer_the_terminal() -> None:
    written = io.StringIO()
    console = Console(file=written, width=120, force_terminal=True, color_system=None)
    trials = [a_trial(1, parameters={"a": "\x1b]0;title\x07"})]
    with Display(TUNING, console) as display:
        display.update(trials, the_progress(trials, running={1: Stage.MEASURE}))
    assert "a= ]0;title" in written.getvalue()


def test_on_a_terminal_the_best_so_far_shows_its_objective_and_its_margins() -> None:
    written = io.StringIO()
    console = Console(file=written, width=120, force_terminal=True, color_system=None)
    margin = LimitMargin(metric="server_memory_mib", limit=200.0, value=80.0, margin=120.0)
    best = Answer(
        trial="tune-3",
        parameters={"size": 1},
        metrics={OBJECTIVE: 100.0, "server_memory_mib": 80.0},
        margins=(margin,),
    )
    progress = progress_of(TUNING, [], {}, TuningStatus(best=best), at(10), 1)
    with Display(TUNING, console) as display:
        display.update([], progress)
    shown = "best: tune-3  throughput@full 100 inferences/s  server_memory_mib 120 MiB inside"
    assert shown in written.getvalue()


def the_progress(
    trials: list[TuningTrial], running: dict[int, Stage | None] | None = None
) -> Progress:
    stages = {index: (stage, at(0)) for index, stage in (running or {}).items()}
    return progress_of(TUNING, trials, stages, TuningStatus(), at(10), 1)
