from __future__ import annotations

import pytest

from deploytune.contract.outcomes import Cause
from deploytune.contract.report import Breadcrumb
from deploytune.contract.request import StageDeadlines
from deploytune.contract.stages import Stage
from deploytune_trial.stages import Expiry, StageLog


class AClock:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class ATrialAtWork:
    """A stage log on a clock that is moved by hand, with the breadcrumbs it leaves."""

    def __init__(self, run_deadline: float = 1000.0, **deadlines: float) -> None:
        self.clock = AClock()
        self.breadcrumbs: list[Breadcrumb] = []
        self.log = StageLog(
            self.breadcrumbs.append,
            StageDeadlines.model_validate(deadlines),
            run_deadline,
            started=self.clock.now,
            clock=self.clock,
        )

    def wait(self, seconds: float) -> None:
        with self.log.waiting():
            self.clock.now += seconds


def test_every_stage_leaves_its_breadcrumb_when_it_begins() -> None:
    trial = ATrialAtWork()

    trial.log.enter(Stage.BUILD)
    trial.log.enter(Stage.SERVE)

    assert [crumb.stage for crumb in trial.breadcrumbs] == [Stage.LOAD, Stage.BUILD, Stage.SERVE]


def test_the_seconds_of_a_stage_are_those_until_the_next() -> None:
    trial = ATrialAtWork()
    trial.clock.now += 2
    trial.log.enter(Stage.BUILD)
    trial.clock.now += 5

    assert trial.log.stage_seconds() == {Stage.LOAD: 2.0, Stage.BUILD: 5.0}


def test_a_wait_is_charged_to_no_stage() -> None:
    trial = ATrialAtWork()
    trial.log.enter(Stage.WARM_UP)
    trial.clock.now += 1
    trial.wait(50)
    trial.clock.now += 2

    assert trial.log.stage_seconds()[Stage.WARM_UP] == 3.0
    assert trial.log.waited_seconds() == 50.0


def test_a_wait_brings_no_deadline_nearer() -> None:
    trial = ATrialAtWork(run_deadline=10, warm_up=5)
    trial.log.enter(Stage.WARM_UP)
    trial.wait(50)

    assert trial.log.expiry() is None
    assert trial.log.seconds_left() == 5.0


def test_a_wait_that_goes_on_is_in_the_breadcrumb() -> None:
    trial = ATrialAtWork()
    trial.log.enter(Stage.WARM_UP)
    trial.wait(50)
    trial.wait(7)

    before, during, after = trial.breadcrumbs[-3:]
    assert (before.waited_seconds, before.waiting_since) == (50.0, None)
    assert (during.waited_seconds, during.waiting_since) == (50.0, 150.0)
    assert (after.waited_seconds, after.waiting_since) == (57.0, None)


def test_a_stage_that_takes_too_long_has_expired() -> None:
    trial = ATrialAtWork(serve=5)
    trial.log.enter(Stage.SERVE)
    trial.clock.now += 4.9
    assert trial.log.expiry() is None

    trial.clock.now += 0.1

    assert trial.log.expiry() == Expiry(Cause.STAGE_DEADLINE, Stage.SERVE, 5.0)


def test_a_new_stage_has_its_own_deadline() -> None:
    trial = ATrialAtWork(load=5, build=5)
    trial.clock.now += 4
    trial.log.enter(Stage.BUILD)
    trial.clock.now += 4

    assert trial.log.expiry() is None
    assert trial.log.seconds_left() == pytest.approx(1.0)


def test_all_stages_together_have_a_deadline() -> None:
    trial = ATrialAtWork(run_deadline=6)
    trial.clock.now += 4
    trial.log.enter(Stage.BUILD)
    trial.clock.now += 2

    assert trial.log.expiry() == Expiry(Cause.RUN_DEADLINE, Stage.BUILD, 6.0)


def test_an_expiry_names_stage_and_seconds() -> None:
    stage = Expiry(Cause.STAGE_DEADLINE, Stage.SERVE, 5.0)
    run = Expiry(Cause.RUN_DEADLINE, Stage.BUILD, 90.0)

    assert str(stage) == "stage Serve took longer than its 5 s"
    assert str(run) == "the run took longer than its 90 s, in stage Build"
