"""A tuning as Optuna sees it: what it may learn from, and what it must not believe."""

from __future__ import annotations

from typing import Any

import pytest
from builders import MEMORY, OBJECTIVE, a_finished_trial, a_trial, a_tuning
from handover_builders import a_confirmation, an_answered, recorded
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import FrozenTrial, TrialState

from deploytune.api.trial import TuningTrial
from deploytune.contract.outcomes import Cause, OutcomeKind
from deploytune.report.handover.studies import study_of


def frozen(*trials: TuningTrial, **tuning: Any) -> FrozenTrial:
    """The first of the trials as Optuna has it."""
    return study_of(recorded(trials, a_tuning(**tuning))).trials[0]


@pytest.mark.parametrize(
    ("outcome", "throughput", "state"),
    [
        pytest.param(OutcomeKind.FEASIBLE, 100.0, TrialState.COMPLETE, id="feasible"),
        pytest.param(OutcomeKind.INFEASIBLE, 100.0, TrialState.COMPLETE, id="measured, a miss"),
        pytest.param(OutcomeKind.INFEASIBLE, None, TrialState.PRUNED, id="aborted early"),
        pytest.param(OutcomeKind.CRASHED, None, TrialState.PRUNED, id="crashed"),
        pytest.param(OutcomeKind.TIMED_OUT, None, TrialState.PRUNED, id="timed out"),
        pytest.param(OutcomeKind.INVALID, 100.0, TrialState.PRUNED, id="not to be believed"),
        pytest.param(OutcomeKind.INFRASTRUCTURE, None, TrialState.FAIL, id="a lost node"),
        pytest.param(OutcomeKind.MISCONFIGURED, None, TrialState.FAIL, id="the user's"),
    ],
)
def test_an_outcome_has_the_state_that_optuna_may_learn_from(
    outcome: OutcomeKind, throughput: float | None, state: TrialState
) -> None:
    trial = frozen(a_finished_trial(0, outcome, throughput=throughput))
    assert state is trial.state
    assert (throughput if state is TrialState.COMPLETE else None) == trial.value


@pytest.mark.parametrize(
    ("trial", "is_feasible"),
    [
        pytest.param(a_finished_trial(0), True, id="feasible"),
        pytest.param(a_finished_trial(0, OutcomeKind.INFEASIBLE, memory=300.0), False, id="missed"),
        pytest.param(a_finished_trial(0, OutcomeKind.CRASHED, memory=None), False, id="crashed"),
    ],
)
def test_optuna_agrees_on_what_is_feasible(trial: TuningTrial, *, is_feasible: bool) -> None:
    constraints = frozen(trial).constraints
    assert 2 == len(constraints)
    assert is_feasible is all(value <= 0 for value in constraints.values())


def test_without_a_limit_a_crash_is_still_not_feasible() -> None:
    crash = frozen(a_finished_trial(0, OutcomeKind.CRASHED, throughput=None), memory_max=None)
    assert {"0": 1.0} == crash.constraints


def test_a_failure_that_is_not_the_configurations_has_no_constraints() -> None:
    assert {} == frozen(a_finished_trial(0, OutcomeKind.INFRASTRUCTURE)).constraints


def test_only_active_parameters_are_there_with_their_distributions() -> None:
    space: list[dict[str, Any]] = [
        {"name": "kind", "type": "Categorical", "values": ["a", "b"], "default": "a"},
        {"name": "size", "type": "Integer", "min": 1, "max": 64, "scale": "Log", "default": 1},
        {"name": "share", "type": "Float", "min": 0, "max": 1, "when": {"kind": ["b"]}},
    ]
    one = a_finished_trial(0, parameters={"kind": "a", "size": 8})
    other = a_finished_trial(1, parameters={"kind": "b", "size": 1, "share": 0.5})

    trials = study_of(recorded([one, other], a_tuning(parameters=space))).trials

    assert [{"kind": "a", "size": 8}, {"kind": "b", "size": 1, "share": 0.5}] == [
        trial.params for trial in trials
    ]
    assert {
        "kind": CategoricalDistribution(("a", "b")),
        "size": IntDistribution(1, 64, log=True),
        "share": FloatDistribution(0.0, 1.0),
    } == trials[1].distributions


def test_of_several_pools_the_pool_is_a_parameter() -> None:
    trial = frozen(a_finished_trial(0, pool="l4"), pools=[{"name": "a100"}, {"name": "l4"}])
    assert "l4" == trial.params["pool"]


def test_what_else_is_known_is_an_attribute() -> None:
    crash = a_finished_trial(0, OutcomeKind.CRASHED, cause=Cause.OUT_OF_MEMORY, throughput=None)
    told = crash.model_copy(update={"status": crash.status.replace(message="killed")})
    attributes = frozen(told).user_attrs
    expected = {
        "trial": "tune-0",
        "purpose": "Search",
        "outcome": "Crashed",
        "cause": "OutOfMemory",
        "message": "killed",
        "metrics": {MEMORY: 100.0},
    }
    assert expected == {name: attributes[name] for name in expected}


def test_a_confirmation_is_told_of_where_it_belongs_and_counts_once() -> None:
    trials = [a_finished_trial(0), a_finished_trial(1), a_confirmation(2, of=1, throughput=90.0)]
    study = study_of(recorded(trials))
    assert ["tune-0", "tune-1"] == [trial.user_attrs["trial"] for trial in study.trials]
    (confirmation,) = study.trials[1].user_attrs["confirmations"]
    assert ("tune-2", "Feasible", 90.0) == (
        confirmation["trial"],
        confirmation["outcome"],
        confirmation["metrics"][OBJECTIVE],
    )
    assert "confirmations" not in study.trials[0].user_attrs


def test_a_trial_that_has_not_ended_is_left_out_and_counted() -> None:
    study = study_of(recorded([a_finished_trial(0), a_trial(1)]))
    assert (1, 1) == (len(study.trials), study.unfinished)


def test_the_study_says_what_its_numbers_mean() -> None:
    study = study_of(an_answered())
    assert (("maximize",), (OBJECTIVE,)) == (study.directions, study.metric_names)
    assert [MEMORY, "outcome"] == study.attributes["constraints"]
    assert "tune-1" == study.attributes["winner"]


def test_the_constraints_of_one_metric_have_names_of_their_own() -> None:
    limits = [{"metric": MEMORY, "max": 200}, {"metric": MEMORY, "min": 50.5}]
    attributes = study_of(an_answered(a_tuning(spec={"constraints": limits}))).attributes
    expected = [f"{MEMORY} at most 200", f"{MEMORY} at least 50.5", "outcome"]
    assert expected == attributes["constraints"]


def test_before_the_end_no_trial_is_called_the_winner() -> None:
    attributes = study_of(an_answered(finished=False)).attributes
    assert ("tune-1", False) == (attributes["best so far"], "winner" in attributes)
