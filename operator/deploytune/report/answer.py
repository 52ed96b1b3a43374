"""The answer of an ended tuning: one sentence, and the winner beside the baseline."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING

from deploytune.api.conditions import ConditionStatus, ConditionType
from deploytune.api.tuning import Answer, DeploymentTuning, LimitMargin, NearestMiss, TuningStatus
from deploytune.contract.metrics import METRICS, Direction, split_metric_key
from deploytune.report.wording import describe_parameters, describe_percent, describe_value

if TYPE_CHECKING:
    from rich.table import Table


@dataclass(frozen=True)
class AnswerRow:
    """A metric of the winner beside the baseline's, as people read it."""

    metric: str
    baseline: str
    winner: str
    change: str
    limit: str
    margin: str


def answer_sentence(tuning: DeploymentTuning, status: TuningStatus) -> str:
    """Return what the tuning found, in one sentence."""
    if status.best is not None:
        how = _how_confirmed(tuning, status.best)
        found = f"{status.best.trial}: {describe_parameters(status.best.parameters)}"
        succeeded = status.condition(ConditionType.SUCCEEDED)
        if succeeded is not None and succeeded.status is ConditionStatus.FALSE:
            why = (succeeded.message or succeeded.reason).rstrip(".")
            return f"No answer: {why}. Best so far, {how}: {found}."
        return f"Run {found} ({how})."
    found = "No feasible configuration found"
    if status.nearest_miss is not None:
        return f"{found}{_hope(status)}. {_miss_sentence(status.nearest_miss)}"
    return f"{found}, and none came to a measurement{_hope(status)}."


def name_of_best(status: TuningStatus) -> str:
    """Return what the best is to be called: the winner only where the tuning has answered."""
    succeeded = status.condition(ConditionType.SUCCEEDED)
    has_answered = succeeded is None or succeeded.status is ConditionStatus.TRUE
    return "winner" if has_answered else "best so far"


def why_stopped(status: TuningStatus) -> str | None:
    """Return why a tuning ended before it could answer, None if it did not."""
    degraded = status.condition(ConditionType.DEGRADED)
    if degraded is None or degraded.status is not ConditionStatus.TRUE:
        return None
    return degraded.message


def answer_rows(tuning: DeploymentTuning, status: TuningStatus) -> tuple[AnswerRow, ...]:
    """Return the winner's metrics beside the baseline's, objective and limits marked.

    A metric with several limits has a row for each.
    """
    winner, baseline = status.best, status.baseline
    if winner is None:
        return ()
    objective = tuning.spec.objectives[0]
    margins: dict[str, list[LimitMargin | None]] = {}
    for margin in winner.margins:
        margins.setdefault(margin.metric, []).append(margin)
    aim = objective.direction.value.lower().replace("ize", "ise")
    return tuple(
        AnswerRow(
            f"{key} ({aim}d)" if key == objective.key else key,
            _figure(baseline, key),
            _figure(winner, key),
            _change(baseline, winner, key),
            *_limit_columns(tuning, margin),
        )
        for key in _ordered_keys(objective.key, margins, winner.metrics)
        for margin in margins.get(key, [None])
    )


def answer_table(tuning: DeploymentTuning, status: TuningStatus) -> Table:
    """Return the rows of the answer for a terminal."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    headings = ("metric", "baseline", name_of_best(status), "change", "limit", "margin")
    for heading in headings:
        table.add_column(heading, justify="left" if heading == "metric" else "right")
    for row in answer_rows(tuning, status):
        table.add_row(*map(Text, astuple(row)))
    return table


def _how_confirmed(tuning: DeploymentTuning, best: Answer) -> str:
    asked = tuning.spec.budget.confirmations
    if best.confirmations:
        of_asked = f" of {asked}" if best.confirmations < asked else ""
        return f"confirmed in {best.confirmations}{of_asked} fresh processes"
    return "not confirmed" if asked else "not confirmed: budget.confirmations is 0"


def _hope(status: TuningStatus) -> str:
    left = status.feasible_left_at_most
    if left is None:
        return ""
    if left == 0:
        return ", and there is nothing else to try"
    return f" (the models give as many trials again at most {describe_percent(left)} to find one)"


def _miss_sentence(miss: NearestMiss) -> str:
    closest = f"Closest was {miss.trial}: {describe_parameters(miss.parameters)}"
    if miss.binding_metric is None or miss.limit is None:
        return f"{closest}."
    value = (
        "was not measured"
        if miss.value is None
        else f"is {describe_value(miss.binding_metric, miss.value)}"
    )
    limit = describe_value(miss.binding_metric, miss.limit)
    often = f", missed by {miss.missed_by} of {miss.measured} measured" if miss.measured else ""
    return f"{closest}; the limit that binds: {miss.binding_metric} {value}, limit {limit}{often}."


def _ordered_keys(objective: str, limited: Iterable[str], measured: Iterable[str]) -> list[str]:
    first = dict.fromkeys([objective, *limited])
    return [*first, *(key for key in sorted(measured) if key not in first)]


def _figure(answer: Answer | None, key: str) -> str:
    if answer is None or key not in answer.metrics:
        return "-"
    return describe_value(key, answer.metrics[key], answer.half_widths.get(key))


def _change(baseline: Answer | None, winner: Answer, key: str) -> str:
    if baseline is None or key not in baseline.metrics or key not in winner.metrics:
        return "-"
    before, after = baseline.metrics[key], winner.metrics[key]
    if before == 0:
        return "-"
    definition = METRICS.get(split_metric_key(key)[0])
    percent = 100 * (after / before - 1)
    if definition is None or round(percent, 1) == 0:
        return f"{percent:+.1f} %"
    is_better = (percent > 0) == (definition.better is Direction.MAXIMIZE)
    return f"{percent:+.1f} % {'better' if is_better else 'worse'}"


def _limit_columns(tuning: DeploymentTuning, margin: LimitMargin | None) -> tuple[str, str]:
    if margin is None:
        return "", ""
    inside = "-" if margin.margin is None else describe_value(margin.metric, margin.margin)
    limits = (each for each in tuning.spec.constraints if each.key == margin.metric)
    is_most = any(limit.max == margin.limit for limit in limits)
    side = "at most" if is_most else "at least"
    return f"{side} {describe_value(margin.metric, margin.limit)}", inside
