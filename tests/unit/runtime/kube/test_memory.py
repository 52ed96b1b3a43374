from __future__ import annotations

from builders import a_finished_trial, a_trial, at

from deploytune.runtime.kube.memory import TuningMemory
from deploytune.state.world import Refusal


def test_nothing_is_known_before_a_list() -> None:
    memory = TuningMemory()
    memory.add(a_finished_trial())
    assert None is memory.finished


def test_finished_trials_are_kept_and_others_not() -> None:
    memory = TuningMemory()
    memory.learn([a_finished_trial(0), a_trial(1)])
    memory.add(a_finished_trial(2))
    memory.add(a_trial(3))
    assert (a_finished_trial(0), a_finished_trial(2)) == memory.finished


def test_what_is_forgotten_must_be_listed() -> None:
    memory = TuningMemory()
    memory.learn([a_finished_trial()])
    memory.forget()
    assert None is memory.finished


def test_refusals_are_counted_by_pool_until_a_pod_is_admitted() -> None:
    memory = TuningMemory()
    memory.refuse("a", "first", at(0))
    memory.refuse("b", "other", at(1))
    memory.refuse("a", "second", at(2))
    expected = {Refusal("a", "second", at(2), 2), Refusal("b", "other", at(1), 1)}
    assert expected == set(memory.refusals)
    memory.admit("a")
    memory.forget()
    assert (Refusal("b", "other", at(1), 1),) == memory.refusals
