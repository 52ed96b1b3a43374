from __future__ import annotations

import math
from typing import Any

import pytest
from trial_builders import P95, THROUGHPUT, a_request, a_result, findings_of, requests_with

from deploytune.contract.codec import decode_message, encode_report
from deploytune.contract.limits import Limit
from deploytune.contract.outcomes import Cause, OutcomeKind
from deploytune.contract.report import Measurement
from deploytune.contract.request import StageDeadlines
from deploytune.contract.stages import Stage
from deploytune_trial.measure.windows import Figure
from deploytune_trial.report import Findings, Verdict, build_bare_report, build_report, judge
from deploytune_trial.stages import StageLog

LIMIT = Limit(metric=P95, max=20.0)


def measured(p95: Figure, throughput: float = 50.0) -> dict[str, Figure]:
    return {"latency_p95_ms": p95, "throughput": Figure(throughput, 1.0)}


def judged(p95: Figure, **run: Any) -> Verdict:
    return judge(a_request(limits=[LIMIT]), findings_of(a_result(measured(p95), **run)))


def test_a_trial_whose_limits_are_met_is_feasible() -> None:
    assert judged(Figure(15.0, 1.0)) == Verdict(OutcomeKind.FEASIBLE)


def test_a_trial_that_misses_a_limit_is_infeasible_and_says_which() -> None:
    verdict = judged(Figure(25.0, 1.0))

    assert (verdict.outcome, verdict.cause) == (OutcomeKind.INFEASIBLE, Cause.LIMIT_MISSED)
    assert verdict.message == f"{P95} is 25, max 20"


@pytest.mark.parametrize(
    ("value", "outcome"),
    [(19.0, OutcomeKind.FEASIBLE), (21.0, OutcomeKind.INFEASIBLE)],
    ids=["met, but may be missed", "missed, but may be met"],
)
def test_a_limit_that_its_requests_left_open_is_judged_by_its_value_and_uncertain(
    value: float, outcome: OutcomeKind
) -> None:
    verdict = judged(Figure(value, 2.0), settled=False, undecided=frozenset({"latency_p95_ms"}))

    assert verdict.outcome is outcome
    assert verdict.uncertain


def test_a_limit_that_the_test_decided_is_certain_though_its_interval_reaches_into_the_zone() -> (
    None
):
    assert judged(Figure(19.5, 1.0)) == Verdict(OutcomeKind.FEASIBLE)


def test_an_accuracy_whose_interval_crosses_its_limit_is_uncertain() -> None:
    request = a_request(limits=[Limit(metric="accuracy", min=0.9)])
    findings = findings_of(a_result(measured(Figure(1.0))), accuracy=Figure(0.91, 0.02))

    assert judge(request, findings) == Verdict(OutcomeKind.FEASIBLE, uncertain=True)


def test_a_sure_miss_leaves_nothing_uncertain() -> None:
    request = a_request(limits=[LIMIT, Limit(metric=THROUGHPUT, min=50.5)])
    findings = findings_of(
        a_result(
            measured(Figure(90.0, 1.0), throughput=50.0),
            settled=True,
            undecided=frozenset({"throughput"}),
        )
    )

    assert not judge(request, findings).uncertain


def test_a_limit_whose_metric_was_not_measured_is_invalid() -> None:
    request = a_request(limits=[Limit(metric="accuracy", min=0.9)])

    verdict = judge(request, findings_of(a_result(measured(Figure(1.0)))))

    assert (verdict.outcome, verdict.cause) == (OutcomeKind.INVALID, Cause.METRIC_MISSING)
    assert "accuracy" in verdict.message


def test_an_objective_that_was_not_measured_is_invalid() -> None:
    verdict = judge(a_request(objectives=["accuracy"]), Findings())

    assert verdict.cause is Cause.METRIC_MISSING


def test_an_infinite_latency_misses_any_limit() -> None:
    verdict = judged(Figure(math.inf))

    assert verdict.outcome is OutcomeKind.INFEASIBLE
    assert "without end" in verdict.message


def test_a_measurement_given_up_is_aborted_early() -> None:
    verdict = judged(Figure(500.0), lost_metric=P95)

    assert (verdict.outcome, verdict.cause) == (OutcomeKind.INFEASIBLE, Cause.ABORTED_EARLY)
    assert f"{P95} is above 5 x its limit" in verdict.message


def test_a_server_that_does_not_keep_up_misses_its_limits() -> None:
    verdict = judged(Figure(math.inf), overloaded=True)

    assert verdict.cause is Cause.ABORTED_EARLY
    assert "does not keep up" in verdict.message


def test_a_limit_missed_by_the_clients_lag_alone_is_invalid() -> None:
    result = a_result(measured(Figure(25.0, 1.0)))
    result.figures_without_lag["latency_p95_ms"] = 12.0

    verdict = judge(a_request(limits=[LIMIT]), findings_of(result))

    assert (verdict.outcome, verdict.cause) == (OutcomeKind.INVALID, Cause.CLIENT_BOUND)


def test_a_limit_met_in_spite_of_the_clients_lag_is_met() -> None:
    result = a_result(measured(Figure(18.0, 1.0)))
    result.figures_without_lag["latency_p95_ms"] = 2.0

    assert judge(a_request(limits=[LIMIT]), findings_of(result)).outcome is OutcomeKind.FEASIBLE


def test_a_throughput_that_the_client_bounds_is_no_objective() -> None:
    findings = findings_of(a_result(measured(Figure(1.0, 0.1)), client_share=0.99))

    by_throughput = judge(a_request(objectives=[THROUGHPUT]), findings)
    by_latency = judge(a_request(objectives=[P95]), findings)

    assert by_throughput.cause is Cause.CLIENT_BOUND
    assert by_latency.outcome is OutcomeKind.FEASIBLE


@pytest.mark.parametrize(
    ("counted", "in_flight_before", "outcome"),
    [
        pytest.param(90, 0, OutcomeKind.FEASIBLE, id="as many as the client"),
        pytest.param(100, 0, OutcomeKind.FEASIBLE, id="those in flight too"),
        pytest.param(103, 3, OutcomeKind.FEASIBLE, id="some from before"),
        pytest.param(89, 0, OutcomeKind.INVALID, id="fewer than the client"),
        pytest.param(101, 0, OutcomeKind.INVALID, id="more than were sent"),
    ],
)
def test_tritons_own_counts_must_agree_but_for_requests_in_flight(
    counted: int, in_flight_before: int, outcome: OutcomeKind
) -> None:
    result = a_result(
        measured(Figure(1.0, 0.1)),
        sent=100,
        answered=90,
        counted=counted,
        in_flight_before=in_flight_before,
    )

    assert judge(a_request(), findings_of(result)).outcome is outcome


def test_a_disagreement_of_counts_names_both() -> None:
    result = a_result(measured(Figure(1.0, 0.1)), sent=100, answered=100, counted=250)

    verdict = judge(a_request(), findings_of(result))

    assert verdict.cause is Cause.COUNTS_DISAGREE
    assert "100 answers and 0 requests in flight, Triton 250 answers" in verdict.message


def test_a_percentile_that_so_few_requests_cannot_bound_is_invalid() -> None:
    verdict = judged(
        Figure(10.0, None),
        settled=False,
        undecided=frozenset({"latency_p95_ms"}),
        requests=requests_with([10.0] * 89),
    )

    assert (verdict.outcome, verdict.cause) == (OutcomeKind.INVALID, Cause.UNSTABLE)
    assert "89 requests, it needs 90" in verdict.message


def test_a_sure_miss_decides_a_trial_whose_other_percentile_is_open() -> None:
    request = a_request(limits=[LIMIT, Limit(metric="latency_p99_ms@steady", max=30.0)])
    figures = measured(Figure(90.0, 1.0)) | {"latency_p99_ms": Figure(20.0, None)}
    result = a_result(
        figures, undecided=frozenset({"latency_p99_ms"}), requests=requests_with([90.0] * 89)
    )

    verdict = judge(request, findings_of(result))

    assert (verdict.outcome, verdict.cause) == (OutcomeKind.INFEASIBLE, Cause.LIMIT_MISSED)


@pytest.mark.parametrize("was_met", [True, False])
def test_a_decision_that_the_final_value_contradicts_is_uncertain(*, was_met: bool) -> None:
    verdict = judged(Figure(19.0, 2.0), verdicts={("latency_p95_ms", 20.0): was_met})

    assert verdict.uncertain is not was_met


def a_stage_log() -> StageLog:
    return StageLog(lambda _: None, StageDeadlines(), 60.0, started=0.0, clock=lambda: 1.23456789)


def test_a_report_holds_everything_that_was_measured() -> None:
    findings = findings_of(
        a_result(measured(Figure(15.123456789, 1.0))), server_memory_mib=Figure(91.0)
    )

    report = build_report(
        a_request(), a_stage_log(), findings, Verdict(OutcomeKind.FEASIBLE, uncertain=True)
    )

    assert report.metrics[P95] == Measurement(value=15.1235, half_width=1.0)
    assert report.metrics["server_memory_mib"] == Measurement(value=91.0)
    assert report.stage_seconds == {Stage.LOAD: 1.2346}
    assert report.uncertain
    assert decode_message(encode_report(report)) == report


def test_an_infinite_latency_is_reported_as_the_requests_time_out() -> None:
    findings = findings_of(a_result(measured(Figure(math.inf))))

    report = build_report(a_request(), a_stage_log(), findings, judge(a_request(), findings))

    assert report.metrics[P95] == Measurement(value=10_000.0)


def test_a_message_of_many_lines_becomes_one_bounded_line() -> None:
    verdict = Verdict(OutcomeKind.CRASHED, Cause.ERROR, "first\nsecond\n" + "x" * 5000)

    report = build_report(a_request(), a_stage_log(), Findings(), verdict)

    assert report.message.startswith("first second xxx")
    assert len(report.message) <= 1024


def test_facts_that_are_too_many_for_a_report_are_left_out() -> None:
    findings = Findings(facts={f"fact{number}": number for number in range(100)})

    report = build_report(a_request(), a_stage_log(), findings, Verdict(OutcomeKind.FEASIBLE))

    assert len(report.facts) == 64


def test_a_report_that_breaks_the_rules_is_replaced_by_a_bare_one() -> None:
    findings = Findings(figures={"accuracy": Figure(math.nan)})
    with pytest.raises(ValueError, match="finite"):
        build_report(a_request(), a_stage_log(), findings, Verdict(OutcomeKind.FEASIBLE))

    report = build_bare_report(a_request(), a_stage_log(), "accuracy: must be finite")

    assert (report.outcome, report.cause) == (OutcomeKind.INVALID, Cause.BROKEN_REPORT)
