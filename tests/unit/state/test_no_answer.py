"""What a tuning says of itself when no trial met every limit."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from builders import (
    MEMORY,
    a_configuration,
    a_finished_trial,
    a_trial,
    a_tuning,
    a_world,
    an_attempt,
)

from deploytune.api.conditions import Reason
from deploytune.api.translate import problem_of
from deploytune.api.trial import TuningTrial
from deploytune.api.tuning import DeploymentTuning
from deploytune.contract.outcomes import Cause, OutcomeKind
from deploytune.state.conditions import Course
from deploytune.state.decide import decide
from deploytune.state.no_answer import nothing_feasible

INFEASIBLE, CRASHED = OutcomeKind.INFEASIBLE, OutcomeKind.CRASHED


def an_infeasible_trial(index: int, memory: float | None = 900.0) -> TuningTrial:
    parameters = a_configuration(size=index % 6 + 1, level=index % 10)
    return a_finished_trial(index, INFEASIBLE, memory=memory, parameters=parameters)


def far_too_large(trials: int) -> list[TuningTrial]:
    """All need four times the memory that there is."""
    return [an_infeasible_trial(index, 850.0 + index) for index in range(trials)]


def the_end(
    trials: Sequence[TuningTrial],
    ended_by: Reason = Reason.BUDGET_EXHAUSTED,
    tuning: DeploymentTuning | None = None,
) -> Course:
    problem = problem_of((tuning or a_tuning()).spec)
    return nothing_feasible(problem, tuple(trials), ended_by)


def test_one_line_names_the_binding_limit_and_the_nearest_miss() -> None:
    trials = [*far_too_large(3), an_infeasible_trial(3, 230.0), a_finished_trial(4, CRASHED)]
    course = the_end(trials)
    assert (Reason.NO_FEASIBLE_CONFIGURATION, True) == (course.reason, course.is_finished)
    assert "\n" not in course.message
    assert course.message.startswith("no trial of 5 met every limit: the budget is spent; ")
    assert course.message.endswith(
        f"binding limit {MEMORY}, missed by 4 of 4 measured; "
        "nearest miss tune-3: 230, limit 200 MiB"
    )


def test_a_strategy_without_models_says_what_its_trials_alone_say() -> None:
    course = the_end(far_too_large(14))
    assert None is course.feasible_left_at_most
    assert "<= 19 % of configurations chosen like these are feasible (95 % sure)" in course.message


def test_few_trials_are_not_made_much_of() -> None:
    assert "%" not in the_end(far_too_large(9)).message


def test_the_models_say_what_another_budget_would_find() -> None:
    course = the_end(far_too_large(14), tuning=a_tuning(algorithm="TBA", max_trials=20))
    left = course.feasible_left_at_most
    assert left is not None
    assert 0.0 < left < 0.05
    assert "P(20 more find one) <= " in course.message


def test_trials_that_all_crashed_have_no_nearest_miss_and_are_counted() -> None:
    trials = [a_finished_trial(index, CRASHED, cause=Cause.OUT_OF_MEMORY) for index in range(3)]
    course = the_end([*trials, a_finished_trial(3, OutcomeKind.TIMED_OUT)])
    assert course.message.endswith("none came to a measurement (Crashed 3, TimedOut 1)")


def test_a_limit_whose_metric_was_never_measured_binds_as_unmeasured() -> None:
    course = the_end([an_infeasible_trial(0, memory=None)])
    assert course.message.endswith("nearest miss tune-0: unmeasured, limit 200 MiB")


def test_without_limits_the_nearest_miss_is_named_alone() -> None:
    course = the_end([an_infeasible_trial(0)], tuning=a_tuning(memory_max=None))
    assert course.message.endswith("; nearest miss tune-0")


def test_a_limit_of_zero_is_named_like_any_other() -> None:
    course = the_end([an_infeasible_trial(0, 5.0)], tuning=a_tuning(memory_max=0.0))
    assert course.message.endswith("nearest miss tune-0: 5, limit 0 MiB")


def test_of_the_only_configuration_nothing_is_left() -> None:
    course = the_end([an_infeasible_trial(0)], Reason.SPACE_EXHAUSTED)
    assert 0.0 == course.feasible_left_at_most
    assert "no configuration is left to try; binding" in course.message


def test_a_configuration_that_infrastructure_spoiled_may_yet_be_feasible() -> None:
    spoiled = a_finished_trial(1, OutcomeKind.INFRASTRUCTURE, cause=Cause.DISRUPTED)
    course = the_end([an_infeasible_trial(0), spoiled], Reason.SPACE_EXHAUSTED)
    assert None is course.feasible_left_at_most


def test_a_tuning_that_never_came_to_an_outcome_claims_nothing() -> None:
    course = the_end([])
    assert "no trial of 0 met every limit: the budget is spent" == course.message


def test_a_hopeless_tuning_ends_before_its_budget_is_spent() -> None:
    tuning = a_tuning(algorithm="TBA", max_trials=40)
    decision = decide(a_world(tuning, far_too_large(14)))
    assert ((), True) == (decision.creations, decision.is_finished)
    status = decision.status
    conditions = {c.type: (c.status.value, c.reason) for c in status.conditions}
    reason = Reason.NO_FEASIBLE_CONFIGURATION
    assert {
        "Finished": ("True", reason),
        "Succeeded": ("False", reason),
        "FeasibleFound": ("False", reason),
        "Progressing": ("False", reason),
        "Suspended": ("False", "NotSuspended"),
        "Degraded": ("False", "AsExpected"),
    } == conditions
    finished = next(c for c in status.conditions if c.type == "Finished")
    assert "given up before the budget was spent" in finished.message
    assert status.feasible_left_at_most is not None
    assert status.nearest_miss is not None


def test_a_hopeless_tuning_waits_for_what_is_in_flight() -> None:
    tuning = a_tuning(algorithm="TBA", max_trials=40, parallel_trials=2)
    flying = a_trial(14, a_configuration(size=3, level=8))
    decision = decide(a_world(tuning, [*far_too_large(14), flying], [an_attempt(14)]))
    assert ((), False) == (decision.creations, decision.is_finished)
    assert None is decision.status.feasible_left_at_most


def test_a_hopeless_end_is_the_same_at_every_pass() -> None:
    tuning = a_tuning(algorithm="TBA", max_trials=40)
    first = decide(a_world(tuning, far_too_large(14)))
    known = tuning.model_copy(update={"status": first.status})
    assert not decide(a_world(known, far_too_large(14), now=50.0)).status_changed


@pytest.mark.parametrize("ended_by", [Reason.BUDGET_EXHAUSTED, Reason.CONVERGED])
def test_every_end_of_a_search_has_words(ended_by: Reason) -> None:
    assert "no trial of 1 met every limit: " in the_end([an_infeasible_trial(0)], ended_by).message
