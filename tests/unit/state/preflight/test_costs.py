"""Accelerator hours: a bound that failures of infrastructure alone break, and what is expected."""

from __future__ import annotations

from typing import Any

import pytest
from builders import a_finished_trial
from preflight_builders import a_tuning_on_pools

from deploytune.api.trial import AttemptRecord, TuningTrial
from deploytune.contract.outcomes import Cause, OutcomeKind
from deploytune.state.preflight.costs import cost_of

# Of at most 3600 + 900 + 60 + 15 seconds on one device, 20 trials and 15 confirmations.
TRIAL_HOURS = 4575 / 3600


def a_spec(**paths: Any) -> Any:
    return a_tuning_on_pools(**paths).spec


def a_trial_of(hours: float, outcome: OutcomeKind = OutcomeKind.FEASIBLE) -> TuningTrial:
    is_fault = outcome is OutcomeKind.INFRASTRUCTURE
    trial = a_finished_trial(0, outcome, cause=Cause.DISRUPTED if is_fault else None)
    record = AttemptRecord(
        attempt=0, outcome=outcome, seconds=hours * 3600, accelerator_seconds=hours * 3600
    )
    status = trial.status.replace(attempts=(record,))
    return trial.model_copy(update={"status": status})


@pytest.mark.parametrize(
    ("budget", "expected"),
    [
        ({}, 35 * TRIAL_HOURS),
        ({"confirmations": 0}, 20 * TRIAL_HOURS),
        ({"maxAcceleratorSeconds": 3600}, 1 + 17 * TRIAL_HOURS),
        ({"maxAcceleratorSeconds": 10**9}, 35 * TRIAL_HOURS),
        ({"maxDurationSeconds": 3600}, 2 + 17 * TRIAL_HOURS),
        ({"maxDurationSeconds": 3600, "maxAcceleratorSeconds": 60}, 1 / 60 + 17 * TRIAL_HOURS),
    ],
    ids=["trials", "unconfirmed", "accelerator", "ample", "duration", "the lowest"],
)
def test_the_lowest_bound_counts(budget: dict[str, int], expected: float) -> None:
    paths = {f"spec.budget.{name}": value for name, value in budget.items()}
    cost = cost_of(a_spec(**{"spec.parallelTrials": 2, **paths}))
    assert cost.most_hours == pytest.approx(expected)


def test_the_largest_pool_counts() -> None:
    path = "spec.nodePools[1].resources.accelerators"
    cost = cost_of(a_spec(**{path: {"nvidia.com/gpu": 4}}))
    assert cost.most_hours == pytest.approx(35 * TRIAL_HOURS * 4)


def test_nothing_is_expected_before_a_trial_is_on_record() -> None:
    assert [
        (
            "accelerator hours: at most 44.5, by 20 trials and up to 15 confirmations of at most "
            "1.27 h on 1; retries after failures of infrastructure, up to 3 for each trial, come "
            "on top"
        ),
        "accelerator hours expected: unknown, no trial of it is on record here",
    ] == list(cost_of(a_spec()).lines())


def test_the_mean_of_charged_trials_on_record_is_expected() -> None:
    recorded = [
        a_trial_of(0.1),
        a_trial_of(0.3, OutcomeKind.CRASHED),
        a_trial_of(5.0, OutcomeKind.INFRASTRUCTURE),
    ]
    cost = cost_of(a_spec(), recorded)
    assert cost.expected_hours == pytest.approx(23 * 0.2)
    assert cost.known_trials == 2
    assert list(cost.lines())[1] == (
        "accelerator hours expected: 4.6, by the mean of the 2 trials on record"
    )


def test_no_more_is_expected_than_can_be() -> None:
    cost = cost_of(a_spec(), [a_trial_of(100.0)])
    assert cost.expected_hours == cost.most_hours


def test_without_accelerators_nothing_is_held() -> None:
    paths: dict[str, Any] = {
        f"spec.nodePools[{number}].resources.accelerators": {} for number in (0, 1)
    }
    assert ["accelerator hours: none, no pool asks for an accelerator"] == list(
        cost_of(a_spec(**paths)).lines()
    )
