"""A figure: what plotly draws, as plain data, and what is said of it."""

from __future__ import annotations

import html
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from deploytune.api.trial import TuningTrial
from deploytune.contract.outcomes import OutcomeKind
from deploytune.report.html.story import Story
from deploytune.report.wording import describe_parameters, describe_seconds, describe_value

Trace = dict[str, Any]
Layout = dict[str, Any]

COLOURS = {
    OutcomeKind.FEASIBLE: "var(--feasible)",
    OutcomeKind.INFEASIBLE: "var(--infeasible)",
    OutcomeKind.CRASHED: "var(--crashed)",
    OutcomeKind.TIMED_OUT: "var(--timed-out)",
    OutcomeKind.INVALID: "var(--invalid)",
    OutcomeKind.INFRASTRUCTURE: "var(--infrastructure)",
    OutcomeKind.MISCONFIGURED: "var(--misconfigured)",
}
SYMBOLS = {
    OutcomeKind.FEASIBLE: "circle",
    OutcomeKind.INFEASIBLE: "circle-open",
    OutcomeKind.CRASHED: "x",
    OutcomeKind.TIMED_OUT: "square-open",
    OutcomeKind.INVALID: "diamond-open",
    OutcomeKind.INFRASTRUCTURE: "triangle-up-open",
    OutcomeKind.MISCONFIGURED: "triangle-down-open",
}
"""Outcomes differ by shape too, for those who do not tell the colours apart."""

_WIDE_RATIO = 20.0
_LONGEST_LINE = 60
_ROOM = 0.06
_MARK_SIZES = ((100, 8), (400, 6), (math.inf, 4))


@dataclass(frozen=True)
class Figure:
    """What plotly draws; `name` is its place on the page, `summary` what it shows, in words."""

    name: str
    title: str
    data: list[Trace]
    layout: Layout = field(default_factory=dict)
    height: int = 340
    summary: str = ""

    def as_data(self) -> dict[str, Any]:
        """Return it as plotly takes it."""
        return {"data": self.data, "layout": {**self.layout, "height": self.height}}


def plain(text: object) -> str:
    """Return a text so that plotly shows it as it is: its tags and entities are no markup."""
    return html.escape(str(text), quote=False)


def hover_of(story: Story, trial: TuningTrial) -> str:
    """Return what is said of a trial that the pointer rests on, in lines of plotly's markup."""
    status = trial.status
    outcome = "running" if status.outcome is None else status.outcome.value
    verdict = outcome if status.cause is None else f"{outcome}/{status.cause}"
    lines = [f"<b>{plain(trial.metadata.name)}</b> {verdict}"]
    wanted = [story.objective, *(c.limit.metric for c in story.problem.constraints)]
    for key in dict.fromkeys(wanted):
        measured = status.metrics.get(key)
        if measured is not None:
            shown = describe_value(key, measured.value, measured.half_width)
            lines.append(plain(f"{key} {shown}"))
    lines += folded(describe_parameters(story.configuration_of(trial)))
    lines.append(describe_seconds(status.trial_seconds))
    return "<br>".join(lines)


def folded(text: str) -> list[str]:
    """Return a text of words in lines short enough for a pointer's label, each of them plain."""
    lines = [""]
    for word in text.split(" "):
        if lines[-1] and len(lines[-1]) + len(word) >= _LONGEST_LINE:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".lstrip()
    return [plain(line) for line in lines]


def axis_type(values: Iterable[float]) -> str:
    """Return `log` where values are positive and far apart, else `linear`."""
    found = [value for value in values if math.isfinite(value)]
    if len(found) > 1 and min(found) > 0 and max(found) / min(found) > _WIDE_RATIO:
        return "log"
    return "linear"


def axis_range(values: Sequence[float], scale: str) -> list[float]:
    """Return the ends of an axis that holds the values with a little room, as plotly takes them."""
    ends = [min(values), max(values)]
    if scale == "log":
        ends = [math.log10(end) for end in ends]
    room = _ROOM * (ends[1] - ends[0] or abs(ends[1]) or 1.0)
    return [ends[0] - room, ends[1] + room]


def by_outcome(trials: Sequence[TuningTrial]) -> dict[OutcomeKind, list[TuningTrial]]:
    """Return the ended trials by outcome, in the order of the taxonomy; empty ones left out."""
    sorted_out = {
        kind: [trial for trial in trials if trial.status.outcome is kind] for kind in OutcomeKind
    }
    return {kind: found for kind, found in sorted_out.items() if found}


def mark_size(count: int) -> int:
    """Return the size of the marks of so many trials, smaller where they would hide each other."""
    return next(size for most, size in _MARK_SIZES if count <= most)


def marker_of(kind: OutcomeKind, size: int) -> Trace:
    """Return how trials of an outcome are marked."""
    return {"color": COLOURS[kind], "symbol": SYMBOLS[kind], "size": size}
