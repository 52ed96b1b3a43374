"""The order of classification, case by case."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from builders import MEMORY, NAME, OBJECTIVE, a_breadcrumb, a_report, an_ending

from deploytune.api.trial import AttemptRecord
from deploytune.contract.codec import MAX_MESSAGE_BYTES, decode_message, encode_report
from deploytune.contract.limits import Limit
from deploytune.contract.outcomes import Cause, OutcomeKind
from deploytune.contract.report import Measurement, TrialReport
from deploytune.contract.stages import Stage
from deploytune.state.classify import AttemptIdentity, classify
from deploytune.state.ending_rules import EndingRule, sentence_of
from deploytune.state.world import EndedBy, Ending

FEASIBLE, INFEASIBLE, CRASHED = OutcomeKind.FEASIBLE, OutcomeKind.INFEASIBLE, OutcomeKind.CRASHED
TIMED_OUT, INVALID = OutcomeKind.TIMED_OUT, OutcomeKind.INVALID
INFRASTRUCTURE, MISCONFIGURED = OutcomeKind.INFRASTRUCTURE, OutcomeKind.MISCONFIGURED

IDENTITY = AttemptIdentity(
    trial=f"{NAME}-0",
    index=0,
    attempt=0,
    limits=(Limit(metric=MEMORY, max=200.0),),
    objectives=(OBJECTIVE,),
)
INTERRUPTED_REPORT = a_report(INFRASTRUCTURE, cause=Cause.INTERRUPTED)
HOSTILE = b'{"version":1,"outcome":"Feasible","metrics":{"x":{"value":NaN}}}'

CASES = {
    "an out of memory kill with exit code 0 and a report": (
        an_ending(a_report(), out_of_memory=True),
        (CRASHED, Cause.OUT_OF_MEMORY, Stage.REPORT),
    ),
    "a child killed for memory while its parent exits 7": (
        an_ending(a_breadcrumb(), exit_code=7, out_of_memory=True),
        (CRASHED, Cause.OUT_OF_MEMORY, Stage.BUILD),
    ),
    "an out of memory kill after our request": (
        an_ending(exit_code=-9, out_of_memory=True, ended_by=EndedBy.REQUEST),
        (CRASHED, Cause.OUT_OF_MEMORY, None),
    ),
    "a feasible report": (an_ending(a_report()), (FEASIBLE, None, Stage.REPORT)),
    "an infeasible report": (
        an_ending(a_report(INFEASIBLE, cause=Cause.LIMIT_MISSED, memory=300.0)),
        (INFEASIBLE, Cause.LIMIT_MISSED, Stage.REPORT),
    ),
    "a crash that the trial reports": (
        an_ending(a_report(CRASHED, cause=Cause.BUILD_FAILED, stage=Stage.BUILD)),
        (CRASHED, Cause.BUILD_FAILED, Stage.BUILD),
    ),
    "a hardware fault that the trial reports": (
        an_ending(a_report(INFRASTRUCTURE, cause=Cause.HARDWARE_FAULT)),
        (INFRASTRUCTURE, Cause.HARDWARE_FAULT, Stage.REPORT),
    ),
    "a complete report before our request took effect": (
        an_ending(a_report(), exit_code=-9, ended_by=EndedBy.REQUEST),
        (FEASIBLE, None, Stage.REPORT),
    ),
    "a report of its interruption by us": (
        an_ending(INTERRUPTED_REPORT, ended_by=EndedBy.LOST_OWNER),
        (INFRASTRUCTURE, Cause.INTERRUPTED, Stage.REPORT),
    ),
    "a report of an interruption that was not ours": (
        an_ending(INTERRUPTED_REPORT),
        (INFRASTRUCTURE, Cause.DISRUPTED, Stage.REPORT),
    ),
    "a report of its interruption at the run deadline": (
        an_ending(INTERRUPTED_REPORT, ended_by=EndedBy.RUN_DEADLINE),
        (TIMED_OUT, Cause.RUN_DEADLINE, Stage.REPORT),
    ),
    "a report, and a crash after it": (
        an_ending(a_report(), exit_code=-11),
        (CRASHED, Cause.ERROR, Stage.REPORT),
    ),
    "a feasible report without a limited metric": (
        an_ending(a_report(memory=None)),
        (INVALID, Cause.METRIC_MISSING, Stage.REPORT),
    ),
    "a feasible report without the objective": (
        an_ending(a_report(throughput=None)),
        (INVALID, Cause.METRIC_MISSING, Stage.REPORT),
    ),
    "a feasible report that misses a limit": (
        an_ending(a_report(memory=200.1)),
        (INVALID, Cause.BROKEN_REPORT, Stage.REPORT),
    ),
    "a negative figure of a metric that is known": (
        an_ending(a_report(memory=-1e15)),
        (INVALID, Cause.BROKEN_REPORT, None),
    ),
    "a report of another trial": (
        an_ending(a_report(index=1)),
        (INVALID, Cause.BROKEN_REPORT, None),
    ),
    "a report of another attempt": (
        an_ending(a_report(attempt=1)),
        (INVALID, Cause.BROKEN_REPORT, None),
    ),
    "a hostile report": (an_ending(HOSTILE), (INVALID, Cause.BROKEN_REPORT, None)),
    "no JSON at all": (an_ending(b"\xff\x00{"), (INVALID, Cause.BROKEN_REPORT, None)),
    "a report beyond the bound": (
        an_ending(a_report().ljust(MAX_MESSAGE_BYTES + 1)),
        (INVALID, Cause.BROKEN_REPORT, None),
    ),
    "a broken report and a bad exit code": (
        an_ending(HOSTILE, exit_code=3),
        (CRASHED, Cause.ERROR, None),
    ),
    "an end on request": (
        an_ending(a_breadcrumb(), exit_code=-15, ended_by=EndedBy.REQUEST),
        (INFRASTRUCTURE, Cause.INTERRUPTED, Stage.BUILD),
    ),
    "a run that was lost": (
        an_ending(a_breadcrumb(Stage.MEASURE), exit_code=-9, ended_by=EndedBy.LOST_OWNER),
        (INFRASTRUCTURE, Cause.INTERRUPTED, Stage.MEASURE),
    ),
    "a power cut": (
        an_ending(exit_code=None, ended_by=EndedBy.LOST_OWNER),
        (INFRASTRUCTURE, Cause.INTERRUPTED, None),
    ),
    "the run deadline": (
        an_ending(a_breadcrumb(Stage.WARM_UP), exit_code=-9, ended_by=EndedBy.RUN_DEADLINE),
        (TIMED_OUT, Cause.RUN_DEADLINE, Stage.WARM_UP),
    ),
    "a request that the trial does not understand": (
        an_ending(exit_code=64),
        (MISCONFIGURED, Cause.BAD_WORKLOAD, None),
    ),
    "a report that cannot be written": (
        an_ending(exit_code=74),
        (INFRASTRUCTURE, Cause.DISRUPTED, None),
    ),
    "a command that is not there": (
        an_ending(exit_code=127),
        (MISCONFIGURED, Cause.MISSING_DEPENDENCY, None),
    ),
    "a command that is not executable": (
        an_ending(exit_code=126),
        (MISCONFIGURED, Cause.MISSING_DEPENDENCY, None),
    ),
    "SIGTERM by somebody else": (
        an_ending(exit_code=-15),
        (INFRASTRUCTURE, Cause.DISRUPTED, None),
    ),
    "SIGTERM by somebody else, as a shell tells it": (
        an_ending(exit_code=143),
        (INFRASTRUCTURE, Cause.DISRUPTED, None),
    ),
    "SIGKILL from an unknown sender": (
        an_ending(a_breadcrumb(), exit_code=-9),
        (INFRASTRUCTURE, Cause.UNKNOWN_KILL, Stage.BUILD),
    ),
    "SIGKILL from an unknown sender, as a shell tells it": (
        an_ending(exit_code=137),
        (INFRASTRUCTURE, Cause.UNKNOWN_KILL, None),
    ),
    "a guard that was killed": (
        an_ending(exit_code=None, detail="its guard was killed"),
        (INFRASTRUCTURE, Cause.UNKNOWN_KILL, None),
    ),
    "a segmentation fault": (an_ending(exit_code=-11), (CRASHED, Cause.ERROR, None)),
    "a segmentation fault, as a shell tells it": (
        an_ending(exit_code=139),
        (CRASHED, Cause.ERROR, None),
    ),
    "an abort": (an_ending(exit_code=-6), (CRASHED, Cause.ERROR, None)),
    "an abort, as a shell tells it": (an_ending(exit_code=134), (CRASHED, Cause.ERROR, None)),
    "exit code 0 with a breadcrumb": (
        an_ending(a_breadcrumb()),
        (INVALID, Cause.BROKEN_REPORT, Stage.BUILD),
    ),
    "exit code 0 without a word": (an_ending(), (INVALID, Cause.BROKEN_REPORT, None)),
    "a disruption": (
        an_ending(a_breadcrumb(), exit_code=137, ended_by=EndedBy.DISRUPTION),
        (INFRASTRUCTURE, Cause.DISRUPTED, Stage.BUILD),
    ),
    "a report that was complete before a disruption": (
        an_ending(a_report(), ended_by=EndedBy.DISRUPTION),
        (FEASIBLE, None, Stage.REPORT),
    ),
    "a report, and a kill by a disruption": (
        an_ending(a_report(), exit_code=137, ended_by=EndedBy.DISRUPTION),
        (INFRASTRUCTURE, Cause.DISRUPTED, Stage.REPORT),
    ),
    "a report of its interruption by a disruption": (
        an_ending(INTERRUPTED_REPORT, ended_by=EndedBy.DISRUPTION),
        (INFRASTRUCTURE, Cause.DISRUPTED, Stage.REPORT),
    ),
    "a report that a disruption cut short": (
        an_ending(HOSTILE, ended_by=EndedBy.DISRUPTION),
        (INFRASTRUCTURE, Cause.DISRUPTED, None),
    ),
    "an out of memory kill before a disruption": (
        an_ending(exit_code=137, out_of_memory=True, ended_by=EndedBy.DISRUPTION),
        (CRASHED, Cause.OUT_OF_MEMORY, None),
    ),
    "a setting that its cluster cannot give": (
        an_ending(exit_code=None, ended_by=EndedBy.SETTING),
        (MISCONFIGURED, None, None),
    ),
    "more disk than its limit": (
        an_ending(a_breadcrumb(), exit_code=137, ended_by=EndedBy.OWN_DISK),
        (CRASHED, Cause.DISK_FULL, Stage.BUILD),
    ),
    "a device that its container is not given": (
        an_ending(exit_code=128, ended_by=EndedBy.DEVICE),
        (INFRASTRUCTURE, Cause.HARDWARE_FAULT, None),
    ),
    "a command that its container cannot start": (
        an_ending(exit_code=128, ended_by=EndedBy.COMMAND),
        (MISCONFIGURED, Cause.MISSING_DEPENDENCY, None),
    ),
    "exit code 1": (
        an_ending(a_breadcrumb(), exit_code=1),
        (CRASHED, Cause.ERROR, Stage.BUILD),
    ),
}


@pytest.mark.parametrize(("ending", "expected"), CASES.values(), ids=CASES.keys())
def test_an_ending_has_one_verdict(
    ending: Ending, expected: tuple[OutcomeKind, Cause | None, Stage | None]
) -> None:
    verdict = classify(IDENTITY, ending)
    assert expected == (verdict.outcome, verdict.cause, verdict.stage)


@pytest.mark.parametrize(
    "metric",
    ["accuracy_drop", "evaluation_score", "evaluation_score_drop", "cosine_similarity"],
)
def test_some_figures_may_be_negative(metric: str) -> None:
    report = decode_message(a_report())
    assert isinstance(report, TrialReport)
    metrics = {**report.metrics, metric: Measurement(value=-0.25)}
    verdict = classify(IDENTITY, an_ending(encode_report(report.replace(metrics=metrics))))
    assert FEASIBLE is verdict.outcome


@pytest.mark.parametrize(
    "ending",
    [
        an_ending(exit_code=-9),
        an_ending(exit_code=None, detail="its guard was killed"),
        an_ending(a_report(INFRASTRUCTURE, cause=Cause.UNKNOWN_KILL)),
    ],
    ids=["the trial", "its guard", "a child, as the trial reports"],
)
def test_a_second_kill_from_an_unknown_sender_is_a_crash(ending: Ending) -> None:
    earlier = (AttemptRecord(attempt=0, outcome=INFRASTRUCTURE, cause=Cause.UNKNOWN_KILL),)
    verdict = classify(IDENTITY, ending, earlier)
    assert (CRASHED, Cause.ERROR) == (verdict.outcome, verdict.cause)


def test_a_kill_after_another_kind_of_failure_is_still_the_first() -> None:
    earlier = (AttemptRecord(attempt=0, outcome=INFRASTRUCTURE, cause=Cause.INTERRUPTED),)
    verdict = classify(IDENTITY, an_ending(exit_code=-9), earlier)
    assert Cause.UNKNOWN_KILL is verdict.cause


@pytest.mark.parametrize(
    ("node", "expected"),
    [("node-1", MISCONFIGURED), ("node-2", INFRASTRUCTURE)],
    ids=["the same node", "another node"],
)
def test_a_device_that_is_missing_again_is_for_somebody_to_mend(
    node: str, expected: OutcomeKind
) -> None:
    earlier = (
        AttemptRecord(attempt=0, outcome=INFRASTRUCTURE, cause=Cause.HARDWARE_FAULT, node="node-1"),
    )
    ending = an_ending(exit_code=128, ended_by=EndedBy.DEVICE, detail="no device")
    verdict = classify(replace(IDENTITY, node=node), ending, earlier)
    assert expected is verdict.outcome
    assert "no device" in verdict.message


def test_nothing_counts_that_was_measured_on_devices_that_others_use() -> None:
    shared = replace(IDENTITY, not_exclusive="node n shares its devices")
    verdict = classify(shared, an_ending(a_report()))
    assert (MISCONFIGURED, None) == (verdict.outcome, verdict.report)
    assert "node n shares its devices" == verdict.message


def test_a_disruption_on_shared_devices_is_a_disruption() -> None:
    shared = replace(IDENTITY, not_exclusive="node n shares its devices")
    verdict = classify(shared, an_ending(ended_by=EndedBy.DISRUPTION, exit_code=137))
    assert INFRASTRUCTURE is verdict.outcome


@pytest.mark.parametrize(
    ("node", "stage", "expected"),
    [
        pytest.param("node-1", Stage.LOAD, MISCONFIGURED, id="again on its node"),
        pytest.param("node-2", Stage.LOAD, INFRASTRUCTURE, id="on another node"),
        pytest.param("node-1", Stage.MEASURE, INFRASTRUCTURE, id="only once it was in use"),
    ],
)
def test_a_device_that_a_trial_does_not_find(
    node: str, stage: Stage, expected: OutcomeKind
) -> None:
    earlier = (
        AttemptRecord(attempt=0, outcome=INFRASTRUCTURE, cause=Cause.HARDWARE_FAULT, node="node-1"),
    )
    report = a_report(INFRASTRUCTURE, cause=Cause.HARDWARE_FAULT, stage=stage, message="no device")
    verdict = classify(replace(IDENTITY, node=node), an_ending(report), earlier)
    assert expected is verdict.outcome
    assert "no device" in verdict.message


@pytest.mark.parametrize(
    "ended_by", [EndedBy.DISRUPTION, EndedBy.SETTING, EndedBy.OWN_DISK, EndedBy.COMMAND]
)
def test_a_verdict_says_what_the_cluster_said(ended_by: EndedBy) -> None:
    ending = an_ending(exit_code=137, ended_by=ended_by, detail="said the cluster")
    assert "said the cluster" == classify(IDENTITY, ending).message


def test_only_the_trials_own_words_come_with_a_report() -> None:
    assert classify(IDENTITY, an_ending(a_report())).report is not None
    assert classify(IDENTITY, an_ending(a_report(), out_of_memory=True)).report is None


def test_a_crash_names_the_signal() -> None:
    assert "SIGSEGV" in classify(IDENTITY, an_ending(exit_code=139)).message


def test_messages_fit_the_record_whatever_the_trial_says() -> None:
    identity = AttemptIdentity(f"{NAME}-0", 0, 0, objectives=tuple("m" * 120 for _ in range(1)))
    many = AttemptIdentity(
        identity.trial, 0, 0, objectives=tuple(f"{number:0120}" for number in range(20))
    )
    for verdict in (
        classify(many, an_ending(a_report())),
        classify(identity, an_ending(b'{"outcome":' + b"[" * 2000)),
        classify(identity, an_ending(exit_code=None, detail="d" * 5000)),
    ):
        assert len(verdict.message) <= 1024


RULES_BY_CASE: dict[EndingRule, tuple[Ending, dict[str, Any]]] = {
    EndingRule.SHARED_DEVICES: (an_ending(a_report()), {"not_exclusive": "they are shared"}),
    EndingRule.OUT_OF_MEMORY: (an_ending(a_report(), out_of_memory=True), {}),
    EndingRule.BROKEN_MESSAGE: (an_ending(HOSTILE), {}),
    EndingRule.DEVICE_MISSED_AGAIN: (
        an_ending(a_report(INFRASTRUCTURE, cause=Cause.HARDWARE_FAULT, stage=Stage.LOAD)),
        {},
    ),
    EndingRule.REPORT: (an_ending(a_report()), {}),
    EndingRule.ENDED_BY_US: (an_ending(exit_code=-15, ended_by=EndedBy.REQUEST), {}),
    EndingRule.DISRUPTION: (an_ending(ended_by=EndedBy.DISRUPTION), {}),
    EndingRule.SETTING: (an_ending(ended_by=EndedBy.SETTING), {}),
    EndingRule.RUN_DEADLINE: (an_ending(exit_code=-9, ended_by=EndedBy.RUN_DEADLINE), {}),
    EndingRule.OWN_DISK: (an_ending(exit_code=137, ended_by=EndedBy.OWN_DISK), {}),
    EndingRule.DEVICE: (an_ending(exit_code=128, ended_by=EndedBy.DEVICE), {}),
    EndingRule.COMMAND: (an_ending(exit_code=128, ended_by=EndedBy.COMMAND), {}),
    EndingRule.EXIT_CODE_OF_OURS: (an_ending(exit_code=64), {}),
    EndingRule.CANNOT_RUN: (an_ending(exit_code=127), {}),
    EndingRule.POLITE_SIGNAL: (an_ending(exit_code=143), {}),
    EndingRule.UNKNOWN_KILL: (an_ending(exit_code=137), {}),
    EndingRule.NO_REPORT: (an_ending(), {}),
    EndingRule.ANYTHING_ELSE: (an_ending(exit_code=7), {}),
}


@pytest.mark.parametrize("rule", EndingRule)
def test_every_rule_decides_some_ending_and_is_named_in_its_verdict(rule: EndingRule) -> None:
    ending, identity = RULES_BY_CASE[rule]
    missed = AttemptRecord(attempt=0, outcome=INFRASTRUCTURE, cause=Cause.HARDWARE_FAULT)
    earlier = (missed,) if rule is EndingRule.DEVICE_MISSED_AGAIN else ()
    assert rule is classify(replace(IDENTITY, **identity), ending, earlier).rule
    assert sentence_of(rule.value) == rule.sentence


def test_a_rule_that_another_version_has_has_no_sentence() -> None:
    assert None is sentence_of("Tomorrow")
