"""From what was measured to an outcome: an ordered chain of small rules, the first that hits wins.

Missing is not zero: a limited metric that was not measured is not met. An infinite latency is worse
than any limit; the report, which holds finite numbers only, then gives the request's time-out as
the bound from below and says so.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from deploytune.contract.limits import Limit
from deploytune.contract.metrics import MAX_RATE, METRICS, metric_key, split_metric_key
from deploytune.contract.outcomes import Cause, OutcomeKind
from deploytune.contract.report import Measurement, TrialReport
from deploytune.contract.request import TrialRequest
from deploytune.contract.workload import fewest_samples
from deploytune_trial.measure.goals import SEQUENTIAL
from deploytune_trial.measure.session import (
    ProfileResult,
    figures_by_key,
    is_client_bound,
    lag_p99_ms,
)
from deploytune_trial.measure.windows import THROUGHPUT, Figure
from deploytune_trial.stages import StageLog

MAX_MESSAGE = 1000

_SIGNIFICANT_DIGITS = 6
_MOST_FACTS = 64


@dataclass
class Findings:
    """What is known of a trial so far; grows stage by stage and is reported whatever happens."""

    figures: dict[str, Figure] = field(default_factory=dict)
    results: list[ProfileResult] = field(default_factory=list)
    facts: dict[str, str | int | float] = field(default_factory=dict)
    settled: frozenset[str] = frozenset()
    """Metrics whose side of a limit is certain, whatever their interval says of other data."""

    def add_result(self, result: ProfileResult) -> None:
        """Take in a measured profile."""
        self.results.append(result)
        self.figures.update(figures_by_key(result))
        self.facts.update(_facts_of(result))

    def add_values(self, values: Mapping[str, float]) -> None:
        """Take in figures without an interval."""
        self.figures.update({key: Figure(value) for key, value in values.items()})

    def result_of(self, load: str | None) -> ProfileResult | None:
        """Return the measurement under a load, None if there was none."""
        return next((result for result in self.results if result.load == load), None)


@dataclass(frozen=True)
class Verdict:
    """How a trial ended, and why in one line."""

    outcome: OutcomeKind
    cause: Cause | None = None
    message: str = ""
    uncertain: bool = False


Rule = Callable[[TrialRequest, Findings], Verdict | None]


def judge(request: TrialRequest, findings: Findings) -> Verdict:
    """Return the outcome of a trial that came to its end."""
    for rule in _RULES:
        verdict = rule(request, findings)
        if verdict is not None:
            return verdict
    return Verdict(OutcomeKind.FEASIBLE, uncertain=_is_uncertain(request, findings))


def build_report(
    request: TrialRequest, stages: StageLog, findings: Findings, verdict: Verdict
) -> TrialReport:
    """Return the report of a trial."""
    return TrialReport(
        trial=request.trial,
        index=request.index,
        attempt=request.attempt,
        outcome=verdict.outcome,
        cause=verdict.cause,
        message=_bounded(" ".join(verdict.message.split())),
        stage=stages.stage,
        uncertain=verdict.uncertain,
        metrics=_measurements(findings),
        stage_seconds={stage: round(s, 4) for stage, s in stages.stage_seconds().items()},
        waited_seconds=round(stages.waited_seconds(), 4),
        facts=_bounded_facts(findings),
    )


def build_bare_report(request: TrialRequest, stages: StageLog, why: str) -> TrialReport:
    """Return what remains to be said when what was found breaks the rules of a report."""
    verdict = Verdict(OutcomeKind.INVALID, Cause.BROKEN_REPORT, why)
    return build_report(request, stages, Findings(), verdict)


def _lost_early(request: TrialRequest, findings: Findings) -> Verdict | None:
    lost = [
        result.run.lost_metric for result in findings.results if result.run.lost_metric is not None
    ]
    if lost:
        factor = f"{request.latency_abort_factor:g} x its limit"
        message = f"{lost[0]} is above {factor}; {_missed_limits(request, findings)}"
        return Verdict(OutcomeKind.INFEASIBLE, Cause.ABORTED_EARLY, message)
    swamped = [result.load for result in findings.results if result.run.overloaded]
    missed = _missed_limits(request, findings)
    if swamped and missed:
        message = f"the server does not keep up with load {swamped[0]}; {missed}"
        return Verdict(OutcomeKind.INFEASIBLE, Cause.ABORTED_EARLY, message)
    return None


def _missing_metric(request: TrialRequest, findings: Findings) -> Verdict | None:
    needed = (*(limit.metric for limit in request.limits), *request.objectives)
    missing = [key for key in needed if key not in findings.figures]
    if not missing:
        return None
    return Verdict(OutcomeKind.INVALID, Cause.METRIC_MISSING, f"not measured: {', '.join(missing)}")


def _client_bound(request: TrialRequest, findings: Findings) -> Verdict | None:
    """Refuse a verdict that the client itself decided: its lag, or its own greatest rate."""
    late = [
        limit
        for limit in _missed(request, findings)
        if limit.is_met_by(_without_lag(findings).get(limit.metric))
    ]
    if late:
        message = f"{late[0].metric} misses its limit only because the client sent too late"
        return Verdict(OutcomeKind.INVALID, Cause.CLIENT_BOUND, message)
    decisive = {*request.objectives, *(limit.metric for limit in _missed(request, findings))}
    for result in findings.results:
        rates = {metric_key(name, result.load) for name in (THROUGHPUT, MAX_RATE)}
        if rates & decisive and is_client_bound(result.run):
            message = f"load {result.load}: the client cannot send faster than it did"
            return Verdict(OutcomeKind.INVALID, Cause.CLIENT_BOUND, message)
    return None


def _counts_disagree(_request: TrialRequest, findings: Findings) -> Verdict | None:
    """Refuse figures of which Triton says that it answered other requests than the client saw."""
    for result in findings.results:
        answered, sent = result.run.answered, result.run.sent
        seen, in_flight = result.counted.requests, sent - answered + result.in_flight_before
        if not answered <= seen <= answered + in_flight:
            message = (
                f"load {result.load}: the client counts {answered} answers and {in_flight} "
                f"requests in flight, Triton {seen} answers"
            )
            return Verdict(OutcomeKind.INVALID, Cause.COUNTS_DISAGREE, message)
    return None


def _unstable(request: TrialRequest, findings: Findings) -> Verdict | None:
    """Refuse a limited percentile of too few requests to bound it, unless it is infinite.

    A sure miss of another limit has ended the measurement, and decides the trial.
    """
    if _is_surely_missed(request, findings):
        return None
    for limit in request.limits:
        metric, load = split_metric_key(limit.metric)
        result = findings.result_of(load)
        percentile = METRICS[metric].percentile if metric in METRICS else None
        if result is None or percentile is None or metric not in result.run.undecided:
            continue
        count, needed = len(result.run.requests), fewest_samples(percentile)
        if count < needed and math.isfinite(findings.figures[limit.metric].value):
            message = f"{limit.metric}: nothing bounds it: {count} requests, it needs {needed}"
            return Verdict(OutcomeKind.INVALID, Cause.UNSTABLE, message)
    return None


def _limit_missed(request: TrialRequest, findings: Findings) -> Verdict | None:
    missed = _missed_limits(request, findings)
    if not missed:
        return None
    uncertain = _is_uncertain(request, findings)
    return Verdict(OutcomeKind.INFEASIBLE, Cause.LIMIT_MISSED, missed, uncertain)


_RULES: tuple[Rule, ...] = (
    _lost_early,
    _missing_metric,
    _counts_disagree,
    _client_bound,
    _unstable,
    _limit_missed,
)


def _missed(request: TrialRequest, findings: Findings) -> list[Limit]:
    return [
        limit
        for limit in request.limits
        if limit.metric in findings.figures
        and not limit.is_met_by(findings.figures[limit.metric].value)
    ]


def _missed_limits(request: TrialRequest, findings: Findings) -> str:
    lines = []
    for limit in _missed(request, findings):
        value = findings.figures[limit.metric].value
        side = "max" if limit.max is not None else "min"
        shown = f"{value:.4g}" if math.isfinite(value) else "without end"
        lines.append(f"{limit.metric} is {shown}, {side} {limit.bound:g}")
    return "; ".join(lines)


def _is_uncertain(request: TrialRequest, findings: Findings) -> bool:
    """Tell whether a limit may be on its other side, and none is missed beyond doubt."""
    all_sure = all(_side_of(limit, findings)[1] for limit in request.limits)
    return not all_sure and not _is_surely_missed(request, findings)


def _is_surely_missed(request: TrialRequest, findings: Findings) -> bool:
    sides = [_side_of(limit, findings) for limit in request.limits]
    return any(excess > 0 and sure for excess, sure in sides)


def _side_of(limit: Limit, findings: Findings) -> tuple[float, bool]:
    """Return by how much a limit is missed, and whether that it is, or is not, is sure.

    Under a load the sequential test says so if its side is that of the final value, of answers
    their evaluation where it ended early, and for all else the interval does.
    """
    metric, load = split_metric_key(limit.metric)
    figure, result = findings.figures[limit.metric], findings.result_of(load)
    excess = limit.excess(figure.value)
    if result is not None and metric in SEQUENTIAL:
        is_met = limit.is_met_by(figure.value)
        agreed = result.run.verdicts.get((metric, limit.bound), is_met) == is_met
        return excess, agreed and metric not in result.run.undecided
    if result is not None and metric in result.run.undecided:
        return excess, excess <= 0
    if limit.metric in findings.settled:
        return excess, True
    return excess, abs(excess) >= (figure.half_width or 0.0)


def _without_lag(findings: Findings) -> Mapping[str, float]:
    return {
        f"{metric}@{result.load}": value
        for result in findings.results
        for metric, value in result.figures_without_lag.items()
    }


def _measurements(findings: Findings) -> dict[str, Measurement]:
    bounds = {result.load: result.request_timeout_ms for result in findings.results}
    measured = {}
    for key, figure in dict(findings.figures).items():
        value = figure.value
        if math.isinf(value):
            value = bounds[split_metric_key(key)[1] or ""]
        width = None if figure.half_width is None else _rounded(figure.half_width)
        measured[key] = Measurement(value=_rounded(value), half_width=width)
    return measured


def _facts_of(result: ProfileResult) -> dict[str, str | int | float]:
    run, counted, load = result.run, result.counted, result.load
    facts: dict[str, str | int | float] = {
        "requests": run.sent,
        "answered": run.answered,
        "serverAnswered": counted.requests,
        "windows": run.window_count,
        "settled": int(run.settled),
        "lagP99Ms": lag_p99_ms(run),
        "clientShare": run.client_share,
        "generators": run.generators,
    }
    if counted.executions:
        facts["meanBatch"] = counted.inferences / counted.executions
    if run.due and run.requests.seconds > 0:
        facts["duePerSecond"] = run.due / run.requests.seconds
    return {f"{name}@{load}": value for name, value in facts.items()}


def _bounded_facts(findings: Findings) -> dict[str, str | int | float]:
    facts = list(dict(findings.facts).items())
    return {name: _rounded(value) for name, value in facts[:_MOST_FACTS]}


def _rounded(value: str | float) -> str | int | float:
    if isinstance(value, float):
        return float(f"{value:.{_SIGNIFICANT_DIGITS}g}")
    return value


def _bounded(message: str) -> str:
    return message if len(message) <= MAX_MESSAGE else message[: MAX_MESSAGE - 1] + "…"
