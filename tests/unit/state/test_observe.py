"""Trials and attempts are sorted once, each into one bucket."""

from __future__ import annotations

from builders import a_finished_trial, a_trial, a_world, an_attempt, an_ending

from deploytune.api.trial import AttemptRecord, TrialStatusRecord, TuningTrial
from deploytune.contract.outcomes import OutcomeKind
from deploytune.state.observe import observe


def _with_record(trial: TuningTrial, attempt: int) -> TuningTrial:
    record = AttemptRecord(attempt=attempt, outcome=OutcomeKind.INFRASTRUCTURE)
    return trial.model_copy(update={"status": TrialStatusRecord(attempts=(record,))})


def test_finished_trials_are_in_the_order_of_completion() -> None:
    first = a_finished_trial(4, completion_index=0)
    second = a_finished_trial(2, completion_index=1)
    assert (first, second) == observe(a_world(trials=[second, first])).finished


def test_a_trial_with_a_live_attempt_runs() -> None:
    trial, attempt = a_trial(1), an_attempt(1)
    observation = observe(a_world(trials=[trial], attempts=[attempt]))
    assert ((trial, attempt),) == observation.running
    assert () == observation.waiting


def test_a_trial_without_any_attempt_waits() -> None:
    assert (a_trial(1),) == observe(a_world(trials=[a_trial(1)])).waiting


def test_an_attempt_that_ended_is_told_until_it_is_on_record() -> None:
    ended = an_attempt(1, ending=an_ending())
    assert (ended,) == observe(a_world(trials=[a_trial(1)], attempts=[ended])).ended
    recorded = _with_record(a_trial(1), 0)
    assert () == observe(a_world(trials=[recorded], attempts=[ended])).ended


def test_ended_attempts_are_in_the_order_of_their_ends() -> None:
    late = an_attempt(1, started=5.0, ending=an_ending(seconds=10.0))
    early = an_attempt(2, started=6.0, ending=an_ending(seconds=1.0))
    world = a_world(trials=[a_trial(1), a_trial(2)], attempts=[late, early])
    assert (early, late) == observe(world).ended


def test_an_attempt_that_nobody_wants_is_stray() -> None:
    of_nobody, of_finished = an_attempt(7), an_attempt(1, 1)
    world = a_world(trials=[a_finished_trial(1)], attempts=[of_nobody, of_finished])
    assert (of_nobody, of_finished) == observe(world).stray
