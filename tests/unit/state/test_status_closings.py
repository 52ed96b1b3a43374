"""What the strategy closes stands in the status, from the trials on record alone."""

from __future__ import annotations

from typing import Any

from builders import a_configuration, a_finished_trial, a_tuning, a_world, the_parameters

from deploytune.api.trial import TuningTrial
from deploytune.api.tuning_status import ClosedSubspace
from deploytune.contract.outcomes import OutcomeKind
from deploytune.state.decide import decide


def the_closed(*trials: TuningTrial, **changes: Any) -> tuple[ClosedSubspace, ...]:
    tuning = a_tuning(parameters=the_parameters(("measure", "crash")), **changes)
    spec = tuning.spec.replace(algorithm=tuning.spec.algorithm.replace(name="TBA", preset="Paper"))
    tuning = tuning.model_copy(update={"spec": spec})
    return decide(a_world(tuning, trials)).status.closed_subspaces


def crashed(index: int) -> TuningTrial:
    configuration = a_configuration(kind="crash", level=index)
    return a_finished_trial(index, OutcomeKind.CRASHED, parameters=configuration)


def test_a_value_that_failed_too_often_is_in_the_status_with_its_evidence() -> None:
    closed = the_closed(*map(crashed, range(3)), max_trials=40)
    assert (ClosedSubspace(parameter="kind", value="crash", failures=3, until_trials=11),) == closed


def test_a_tuning_that_has_ended_closes_nothing() -> None:
    assert () == the_closed(*map(crashed, range(3)), max_trials=3)
