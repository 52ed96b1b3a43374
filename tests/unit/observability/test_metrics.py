from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import pytest
from builders import a_finished_trial, a_trial, at
from prometheus_client import generate_latest

from deploytune.api.conditions import ConditionStatus, ConditionType, Reason, Said, set_condition
from deploytune.api.trial import AttemptRecord, TuningTrial
from deploytune.api.tuning import TuningStatus
from deploytune.api.tuning_status import Answer
from deploytune.contract.outcomes import Cause, OutcomeKind
from deploytune.contract.stages import Stage
from deploytune.observability import metrics as module
from deploytune.observability.metrics import OperatorMetrics, TuningCount
from deploytune.state.timestamps import to_timestamp

PAGE = Path(__file__).parents[3] / "operator" / "docs" / "metrics.md"
ENDED = {"namespace": "", "outcome": "Feasible", "cause": "", "pool": "local"}


class ACensus:
    def __init__(self, *tunings: TuningCount) -> None:
        self._tunings = tunings

    def tunings(self) -> tuple[TuningCount, ...]:
        return self._tunings

    def queue_depth(self) -> int:
        return 3

    def is_leading(self) -> bool:
        return True


@pytest.fixture
def metrics() -> OperatorMetrics:
    return OperatorMetrics()


def test_a_trial_is_counted_when_its_outcome_is_on_record(metrics: OperatorMetrics) -> None:
    trial = a_finished_trial(outcome=OutcomeKind.CRASHED, cause=Cause.OUT_OF_MEMORY)

    metrics.trial_written(a_trial(), trial)

    labels = {**ENDED, "outcome": "Crashed", "cause": "OutOfMemory"}
    assert 1 == value(metrics, "deploytune_trials_total", labels)


def test_a_trial_that_had_its_outcome_is_not_counted_again(metrics: OperatorMetrics) -> None:
    metrics.trial_written(a_trial(), a_finished_trial())
    metrics.trial_written(a_finished_trial(), a_finished_trial())

    assert 1 == value(metrics, "deploytune_trials_total", ENDED)
    assert 1 == value(metrics, "deploytune_attempts_total", ENDED)


def test_an_attempt_is_counted_though_its_trial_goes_on(metrics: OperatorMetrics) -> None:
    lost = AttemptRecord(
        attempt=0, outcome=OutcomeKind.INFRASTRUCTURE, seconds=7.0, accelerator_seconds=14.0
    )

    metrics.trial_written(a_trial(), with_attempts(a_trial(), lost))

    labels = {**ENDED, "outcome": "Infrastructure"}
    assert value(metrics, "deploytune_trials_total", labels) is None
    assert 1 == value(metrics, "deploytune_attempts_total", labels)
    assert 7 == value(metrics, "deploytune_attempt_seconds_total", labels)
    assert 14 == value(metrics, "deploytune_accelerator_seconds_total", labels)


def test_an_attempt_is_counted_when_its_record_takes_in_the_one_before(
    metrics: OperatorMetrics,
) -> None:
    """Records that count for nothing are bounded in number: two become one."""

    def ended(attempt: int, seconds: float) -> AttemptRecord:
        return AttemptRecord(
            attempt=attempt,
            outcome=OutcomeKind.MISCONFIGURED,
            seconds=seconds,
            accelerator_seconds=2 * seconds,
        )

    known = with_attempts(a_trial(), ended(0, 5.0), ended(1, 7.0))

    metrics.trial_written(known, with_attempts(a_trial(), ended(1, 12.0), ended(2, 4.0)))
    metrics.trial_written(known, with_attempts(a_trial(), ended(0, 5.0), ended(2, 11.0)))

    labels = {**ENDED, "outcome": "Misconfigured"}
    assert 2 == value(metrics, "deploytune_attempts_total", labels)
    assert 8 == value(metrics, "deploytune_attempt_seconds_total", labels)
    assert 16 == value(metrics, "deploytune_accelerator_seconds_total", labels)


def test_the_seconds_of_each_stage_are_in_its_histogram(metrics: OperatorMetrics) -> None:
    trial = a_finished_trial()
    status = trial.status.replace(stage_seconds={Stage.BUILD: 40.0})

    metrics.trial_written(None, trial.model_copy(update={"status": status}))

    name = "deploytune_trial_duration_seconds"
    assert 40 == value(metrics, f"{name}_sum", {"stage": Stage.BUILD})
    assert 0 == value(metrics, f"{name}_bucket", {"stage": Stage.BUILD, "le": "30.0"})
    assert 0 == value(metrics, f"{name}_count", {"stage": Stage.MEASURE})


def test_the_first_answer_of_a_tuning_is_timed_from_its_start(metrics: OperatorMetrics) -> None:
    before = TuningStatus(start_time=to_timestamp(at(0)))
    after = holding(
        before.replace(best=Answer(trial="tune-3", parameters={}, metrics={})),
        ConditionType.FEASIBLE_FOUND,
        Reason.FEASIBLE_CONFIGURATION,
        90.0,
    )

    metrics.tuning_written("ml", before, after)
    metrics.tuning_written("ml", after, after.replace(trials=9))

    assert 90 == value(metrics, "deploytune_time_to_first_feasible_seconds_sum")
    assert 1 == value(metrics, "deploytune_time_to_first_feasible_seconds_count")


def test_a_tuning_that_ends_is_counted_once_with_its_reason(metrics: OperatorMetrics) -> None:
    running = TuningStatus()
    ended = holding(running, ConditionType.FINISHED, Reason.NO_FEASIBLE_CONFIGURATION)

    metrics.tuning_written("ml", running, ended)
    metrics.tuning_written("ml", ended, ended)

    labels = {"namespace": "ml", "reason": "NoFeasibleConfiguration", "answered": "false"}
    assert 1 == value(metrics, "deploytune_tunings_ended_total", labels)


def test_gauges_are_computed_at_the_scrape(metrics: OperatorMetrics) -> None:
    metrics.watch(
        ACensus(
            TuningCount("ml", "Running", {"a100": 2, "l4": 1}),
            TuningCount("ml", "Running", {"l4": 1}),
            TuningCount("vision", "Finished", {}),
        )
    )

    assert 2 == value(metrics, "deploytune_tunings", {"namespace": "ml", "state": "Running"})
    assert 1 == value(metrics, "deploytune_tunings", {"namespace": "vision", "state": "Finished"})
    assert 2 == value(metrics, "deploytune_trials_active", {"namespace": "ml", "pool": "l4"})
    assert 3 == value(metrics, "deploytune_queue_depth")
    assert 1 == value(metrics, "deploytune_leading")


def test_a_request_without_an_answer_has_no_code(metrics: OperatorMetrics) -> None:
    metrics.requested("list", 200)
    metrics.requested("list", None)

    name = "deploytune_api_requests_total"
    assert 1 == value(metrics, name, {"verb": "list", "code": "200"})
    assert 1 == value(metrics, name, {"verb": "list", "code": "none"})


def test_docstring_page_and_registry_list_the_same_metrics(metrics: OperatorMetrics) -> None:
    metrics.watch(ACensus(TuningCount("ml", "Running", {"a100": 1})))
    registered = {
        line.split(" ", 3)[2]: line.split(" ", 3)[3]
        for line in generate_latest(metrics.registry).decode().splitlines()
        if line.startswith("# HELP ")
    }

    described = dict(
        re.findall(r"^ {4}(deploytune_\S+) +(.+)$", module.__doc__ or "", re.MULTILINE)
    )
    shown = dict(
        re.findall(r"^\| `(deploytune_\S+)` \| \w+ \| (.+) \|$", PAGE.read_text(), re.MULTILINE)
    )

    assert described == shown
    assert registered == {name.partition("{")[0]: text for name, text in described.items()}


def test_every_metric_has_the_labels_that_are_described() -> None:
    metrics = OperatorMetrics()
    metrics.watch(ACensus(TuningCount("ml", "Running", {"a100": 1})))
    metrics.trial_written(None, a_finished_trial())
    metrics.tuning_written("ml", None, holding(TuningStatus(), ConditionType.FINISHED))
    metrics.requested("get", 200)
    text = generate_latest(metrics.registry).decode()

    described = all_of(r"^ {4}(\w+)\{([\w,]+)\}", module.__doc__ or "")
    for name, labels in described.items():
        series = re.search(rf"^{name}(?:_count)?\{{(.+)\}} ", text, re.MULTILINE)
        if name == "deploytune_proposal_duration_seconds":
            continue  # no decision was made here
        assert series is not None, name
        assert {*labels.split(",")} == {*re.findall(r'(\w+)="', series[1])} - {"le"}


def all_of(pattern: str, text: str) -> dict[str, str]:
    return dict(re.findall(pattern, text, re.MULTILINE))


def value(
    metrics: OperatorMetrics, name: str, labels: Mapping[str, str] | None = None
) -> float | None:
    return metrics.registry.get_sample_value(name, dict(labels or {}))


def with_attempts(trial: TuningTrial, *attempts: AttemptRecord) -> TuningTrial:
    return trial.model_copy(update={"status": trial.status.replace(attempts=attempts)})


def holding(
    status: TuningStatus,
    kind: ConditionType,
    reason: Reason = Reason.BUDGET_EXHAUSTED,
    seconds: float = 0.0,
) -> TuningStatus:
    said = Said(ConditionStatus.TRUE, reason)
    return status.replace(
        conditions=set_condition(status.conditions, kind, said, to_timestamp(at(seconds)), 1)
    )
