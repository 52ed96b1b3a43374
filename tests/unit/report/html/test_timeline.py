"""When and where attempts ran."""

from __future__ import annotations

from builders import a_finished_trial, a_tuning, at
from report_builders import STAGE_SECONDS, a_story, recorded

from deploytune.api.trial import AttemptRecord, TuningTrial
from deploytune.contract.outcomes import OutcomeKind
from deploytune.contract.stages import Stage
from deploytune.report.html.figures.timeline import (
    ELSE,
    OTHER_ATTEMPT,
    WAITED,
    in_lanes,
    spans_of,
    timeline,
)
from deploytune.report.html.story import Story


def an_attempt(end: float, seconds: float, number: int = 0, **fields: object) -> AttemptRecord:
    settings = {"outcome": OutcomeKind.FEASIBLE, "node": "n", **fields}
    return AttemptRecord.model_validate(
        {"attempt": number, "seconds": seconds, "end_time": at(end).isoformat(), **settings}
    )


def a_trial_of(index: int, *attempts: AttemptRecord, **status: object) -> TuningTrial:
    trial = a_finished_trial(index)
    changes = {"attempts": attempts, **status}
    return trial.model_copy(update={"status": trial.status.replace(**changes)})


def a_story_of(*trials: TuningTrial) -> Story:
    return Story.of(recorded(a_tuning(), trials))


def test_time_begins_with_the_first_attempt() -> None:
    story = a_story_of(a_trial_of(0, an_attempt(130, 30)), a_trial_of(1, an_attempt(150, 20)))
    assert [(0.0, 30.0), (30.0, 50.0)] == [(span.start, span.end) for span in spans_of(story)]


def test_what_overlaps_on_a_node_is_in_lanes_and_what_follows_is_not() -> None:
    story = a_story_of(
        a_trial_of(0, an_attempt(10, 10)),
        a_trial_of(1, an_attempt(12, 7)),
        a_trial_of(2, an_attempt(20, 10)),
        a_trial_of(3, an_attempt(20, 20, node="m")),
    )
    lanes = {span.trial.spec.index: span.lane for span in in_lanes(spans_of(story))}
    assert {0: "n · 1", 1: "n · 2", 2: "n · 1", 3: "m · 1"} == lanes


def test_the_tenth_lane_of_a_node_comes_after_its_second() -> None:
    trials = [a_trial_of(index, an_attempt(20, 20 - 0.1 * index)) for index in range(11)]
    figure = timeline(a_story_of(*trials, a_trial_of(11, an_attempt(20, 20, node="m"))))
    assert figure is not None
    expected = ["m · 1", *(f"n · {lane}" for lane in range(1, 12))]
    assert expected == figure.layout["yaxis"]["categoryarray"]


def test_stages_follow_each_other_and_the_rest_is_start_and_end() -> None:
    story = a_story(1, confirmed=False)
    (span,) = spans_of(story)
    expected = (*((stage.value, seconds) for stage, seconds in STAGE_SECONDS.items()), (ELSE, 0.5))
    assert expected == span.parts


def test_the_wait_for_the_machine_comes_before_the_warm_up() -> None:
    stages = {Stage.LOAD: 1.0, Stage.WARM_UP: 2.0}
    trial = a_trial_of(0, an_attempt(10, 10), stage_seconds=stages, waited_seconds=4.0)
    (span,) = spans_of(a_story_of(trial))
    assert (("Load", 1.0), (WAITED, 4.0), ("WarmUp", 2.0), (ELSE, 3.0)) == span.parts


def test_an_attempt_that_was_tried_again_has_no_stages() -> None:
    lost = an_attempt(10, 10, outcome=OutcomeKind.INFRASTRUCTURE)
    trial = a_trial_of(0, lost, an_attempt(30, 15, 1), stage_seconds={Stage.LOAD: 15.0})
    first, second = spans_of(a_story_of(trial))
    assert ((OTHER_ATTEMPT, 10.0),) == first.parts
    assert (("Load", 15.0),) == second.parts


def test_bars_begin_where_the_part_before_ends() -> None:
    figure = timeline(a_story(1, confirmed=False))
    assert figure is not None
    build = next(trace for trace in figure.data if trace["name"] == "Build")
    assert ([1.0], [4.0]) == (build["base"], build["x"])


def test_a_pool_stands_for_a_node_that_is_not_on_record() -> None:
    (span,) = spans_of(a_story_of(a_trial_of(0, an_attempt(10, 10, node=None))))
    assert "local" == span.node


def test_a_moment_that_cannot_be_read_leaves_the_attempt_out() -> None:
    broken = AttemptRecord(attempt=0, outcome=OutcomeKind.FEASIBLE, seconds=1, end_time="soon")
    assert timeline(a_story_of(a_trial_of(0, broken))) is None
