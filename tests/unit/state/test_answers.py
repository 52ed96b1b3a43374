"""The figures that the status shows."""

from __future__ import annotations

from builders import MEMORY, OBJECTIVE, a_finished_trial, a_tuning

from deploytune.api.translate import problem_of
from deploytune.api.trial import Purpose, TuningTrial
from deploytune.contract.outcomes import OutcomeKind
from deploytune.state.answers import answer_of, baseline_answer, nearest_miss
from deploytune.state.confirm import Candidate

PROBLEM = problem_of(a_tuning().spec)


def test_the_figures_are_the_median_of_the_confirmations_alone() -> None:
    confirmations = tuple(
        a_finished_trial(index, throughput=value, purpose=Purpose.CONFIRM, confirms=0)
        for index, value in enumerate((90.0, 80.0, 84.0), start=1)
    )
    answer = answer_of(PROBLEM, Candidate(a_finished_trial(0, throughput=500.0), confirmations))
    assert 84.0 == answer.metrics[OBJECTIVE]
    assert ("tune-0", 3) == (answer.trial, answer.confirmations)


def test_the_interval_is_never_narrower_than_one_confirmations_own() -> None:
    """Confirmations of an accuracy agree to the last digit, and it is uncertain all the same."""
    confirmations = tuple(
        a_finished_trial(index, purpose=Purpose.CONFIRM, confirms=0) for index in (1, 2, 3)
    )
    uncertain = tuple(with_half_width(trial, 7.0) for trial in confirmations)
    answer = answer_of(PROBLEM, Candidate(a_finished_trial(0), uncertain))
    assert 7.0 == answer.half_widths[OBJECTIVE]


def test_without_confirmations_the_figures_are_the_trials_own() -> None:
    answer = answer_of(PROBLEM, Candidate(a_finished_trial(0, throughput=500.0)))
    assert (500.0, {}, 0) == (answer.metrics[OBJECTIVE], answer.half_widths, answer.confirmations)


def test_a_metric_that_one_confirmation_lacks_is_not_shown() -> None:
    whole = a_finished_trial(1, purpose=Purpose.CONFIRM, confirms=0)
    partial = a_finished_trial(2, memory=None, purpose=Purpose.CONFIRM, confirms=0)
    answer = answer_of(PROBLEM, Candidate(a_finished_trial(0), (whole, partial)))
    assert [OBJECTIVE] == list(answer.metrics)
    assert (None, None) == (answer.margins[0].value, answer.margins[0].margin)


def test_margins_are_positive_inside_the_limit() -> None:
    (margin,) = answer_of(PROBLEM, Candidate(a_finished_trial(memory=150.0))).margins
    assert (MEMORY, 200.0, 150.0, 50.0) == (
        margin.metric,
        margin.limit,
        margin.value,
        margin.margin,
    )


def test_a_baseline_without_figures_is_not_shown() -> None:
    crashed = a_finished_trial(0, OutcomeKind.CRASHED, throughput=None, memory=None)
    assert None is baseline_answer(PROBLEM, None)
    assert None is baseline_answer(PROBLEM, crashed)


def test_an_infeasible_baseline_is_shown_with_its_negative_margin() -> None:
    baseline = baseline_answer(PROBLEM, a_finished_trial(0, OutcomeKind.INFEASIBLE, memory=250.0))
    assert baseline is not None
    assert -50.0 == baseline.margins[0].margin


def test_the_nearest_miss_is_the_measured_trial_with_the_least_violation() -> None:
    trials = [
        a_finished_trial(0, OutcomeKind.INFEASIBLE, memory=400.0),
        a_finished_trial(1, OutcomeKind.INFEASIBLE, memory=220.0),
        a_finished_trial(2, OutcomeKind.CRASHED),
    ]
    miss = nearest_miss(PROBLEM, trials)
    assert miss is not None
    assert ("tune-1", MEMORY, 200.0, 220.0) == (
        miss.trial,
        miss.binding_metric,
        miss.limit,
        miss.value,
    )


def test_the_binding_limit_is_the_one_missed_by_most() -> None:
    spec = a_tuning().spec
    floor = spec.constraints[0].replace(metric="throughput", load="full", max=None, min=1000.0)
    problem = problem_of(spec.replace(constraints=(*spec.constraints, floor)))
    missed = a_finished_trial(0, OutcomeKind.INFEASIBLE, memory=210.0, throughput=100.0)
    miss = nearest_miss(problem, [missed])
    assert miss is not None
    assert OBJECTIVE == miss.binding_metric


def test_the_binding_limit_says_how_many_measured_trials_missed_it() -> None:
    trials = [
        a_finished_trial(0, OutcomeKind.INFEASIBLE, memory=400.0),
        a_finished_trial(1, OutcomeKind.INFEASIBLE, memory=220.0),
        a_finished_trial(2, OutcomeKind.INFEASIBLE, memory=100.0),
        a_finished_trial(3, OutcomeKind.CRASHED),
    ]
    miss = nearest_miss(PROBLEM, trials)
    assert miss is not None
    assert (2, 3) == (miss.missed_by, miss.measured)


def test_an_unmeasured_limit_binds_most() -> None:
    miss = nearest_miss(PROBLEM, [a_finished_trial(0, OutcomeKind.INFEASIBLE, memory=None)])
    assert miss is not None
    assert (MEMORY, None) == (miss.binding_metric, miss.value)


def test_there_is_no_nearest_miss_when_nothing_was_measured() -> None:
    assert None is nearest_miss(PROBLEM, [a_finished_trial(0, OutcomeKind.CRASHED)])


def test_a_miss_without_any_limit_names_none() -> None:
    problem = problem_of(a_tuning(memory_max=None).spec)
    miss = nearest_miss(problem, [a_finished_trial(0, OutcomeKind.INFEASIBLE)])
    assert miss is not None
    assert None is miss.binding_metric


def with_half_width(trial: TuningTrial, half_width: float) -> TuningTrial:
    measured = {
        key: measurement.replace(half_width=half_width)
        for key, measurement in trial.status.metrics.items()
    }
    return trial.model_copy(update={"status": trial.status.replace(metrics=measured)})
