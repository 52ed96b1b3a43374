"""When each trial ran, on which node, and in which stage.

Stages are on record by their length, not by their start: they are drawn one after the other from
the start of the attempt, the wait for the machine's measurement lock before the warm-up. What is
left until its end is start and end of the process or Pod. Attempts that overlap on a node are drawn
in lanes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from deploytune.api.trial import AttemptRecord, TuningTrial
from deploytune.contract.outcomes import OutcomeKind
from deploytune.contract.stages import Stage
from deploytune.report.html.figures.figure import Figure, Layout, Trace, hover_of, plain
from deploytune.report.html.story import Story
from deploytune.report.wording import describe_seconds
from deploytune.state.timestamps import from_timestamp

WAITED, ELSE, OTHER_ATTEMPT = "Waited for the machine", "Start and end", "Attempt tried again"
_COLOURS = {
    **{stage.value: f"var(--stage-{stage.value})" for stage in Stage},
    WAITED: "var(--waited)",
    ELSE: "var(--rest)",
    OTHER_ATTEMPT: "var(--infrastructure)",
}
_HOURS_BEYOND = 3 * 3600
_MINUTES_BEYOND = 300
_ROW_PIXELS = 34
_MARGIN_PIXELS = 150
_MOST_LANES = 60
_SLACK_SECONDS = 0.05


@dataclass(frozen=True)
class Span:
    """An attempt on a node, in seconds since the first of all began, and its parts."""

    trial: TuningTrial
    node: str
    start: float
    end: float
    parts: tuple[tuple[str, float], ...]
    lane_number: int = 1

    @property
    def lane(self) -> str:
        """What the lane is called."""
        return f"{self.node} · {self.lane_number}"


def timeline(story: Story) -> Figure | None:
    """Return the attempts on their nodes; None while none has ended."""
    spans = in_lanes(spans_of(story))
    by_lane = sorted(spans, key=lambda span: (span.node, span.lane_number))
    lanes = list(dict.fromkeys(span.lane for span in by_lane))
    if not spans:
        return None
    shown = set(lanes[:_MOST_LANES])
    unit, seconds = _unit(max(span.end for span in spans))
    traces = list(_bars(story, [span for span in spans if span.lane in shown], seconds))
    layout: Layout = {
        "barmode": "overlay",
        "bargap": 0.25,
        "xaxis": {"title": {"text": f"{unit} since the first attempt began"}},
        "yaxis": {
            "type": "category",
            "categoryorder": "array",
            "categoryarray": [plain(lane) for lane in lanes[:_MOST_LANES]],
            "autorange": "reversed",
        },
        "hovermode": "closest",
    }
    height = _MARGIN_PIXELS + _ROW_PIXELS * min(len(lanes), _MOST_LANES)
    return Figure("timeline", "When and where", traces, layout, height, _summary(lanes))


def spans_of(story: Story) -> list[Span]:
    """Return the ended attempts whose end is on record, in the order in which they began."""
    found = [
        (trial, record, end)
        for trial in story.trials
        for record in trial.status.attempts
        if (end := _moment(record.end_time)) is not None
    ]
    if not found:
        return []
    first = min(end.timestamp() - record.seconds for _, record, end in found)
    spans = [_span(trial, record, end.timestamp() - first) for trial, record, end in found]
    return sorted(spans, key=lambda span: (span.start, span.trial.spec.index))


def in_lanes(spans: Sequence[Span]) -> list[Span]:
    """Return the spans with the lane of each: the first of its node that is free then."""
    ends: defaultdict[str, list[float]] = defaultdict(list)
    placed = []
    for span in spans:
        lanes = ends[span.node]
        lane = next((n for n, end in enumerate(lanes) if end <= span.start + _SLACK_SECONDS), None)
        if lane is None:
            lane = len(lanes)
            lanes.append(0.0)
        lanes[lane] = span.end
        placed.append((span, lane))
    return [replace(span, lane_number=lane + 1) for span, lane in placed]


def _span(trial: TuningTrial, record: AttemptRecord, end: float) -> Span:
    node = record.node or trial.spec.pool
    is_last = record is trial.status.attempts[-1]
    parts = _parts(trial, record.seconds) if is_last else ((OTHER_ATTEMPT, record.seconds),)
    return Span(trial, node, end - record.seconds, end, parts)


def _parts(trial: TuningTrial, seconds: float) -> tuple[tuple[str, float], ...]:
    """Return the stages of a trial's last attempt, and what is left of it."""
    if trial.status.outcome is OutcomeKind.INFRASTRUCTURE or not trial.is_finished:
        return ((OTHER_ATTEMPT, seconds),)
    parts = []
    for stage in Stage:
        if stage is Stage.WARM_UP and trial.status.waited_seconds > 0:
            parts.append((WAITED, trial.status.waited_seconds))
        if trial.status.stage_seconds.get(stage, 0.0) > 0:
            parts.append((stage.value, trial.status.stage_seconds[stage]))
    left = seconds - sum(length for _, length in parts)
    return (*parts, (ELSE, left)) if left > 0 else tuple(parts)


def _bars(story: Story, spans: Sequence[Span], unit_seconds: float) -> Iterator[Trace]:
    """Yield a trace for each part, in the order of the stages."""
    pieces: defaultdict[str, list[tuple[Span, float, float]]] = defaultdict(list)
    for span in spans:
        start = span.start
        for name, length in span.parts:
            pieces[name].append((span, start, length))
            start += length
    hovers = {span.trial.spec.index: hover_of(story, span.trial) for span in spans}
    for name, colour in _COLOURS.items():
        if not pieces[name]:
            continue
        yield {
            "type": "bar",
            "orientation": "h",
            "name": name,
            "y": [plain(span.lane) for span, _, _ in pieces[name]],
            "base": [round(start / unit_seconds, 4) for _, start, _ in pieces[name]],
            "x": [round(length / unit_seconds, 4) for _, _, length in pieces[name]],
            "text": [hovers[span.trial.spec.index] for span, _, _ in pieces[name]],
            "textposition": "none",
            "customdata": [describe_seconds(length) for _, _, length in pieces[name]],
            "hovertemplate": f"{name} %{{customdata}}<br>%{{text}}<extra></extra>",
            "marker": {"color": colour, "line": {"width": 0}},
        }


def _unit(seconds: float) -> tuple[str, float]:
    if seconds > _HOURS_BEYOND:
        return "hours", 3600.0
    return ("minutes", 60.0) if seconds > _MINUTES_BEYOND else ("seconds", 1.0)


def _moment(text: str | None) -> datetime | None:
    """Return a moment on record, None where there is none that can be read."""
    if text is None:
        return None
    try:
        return from_timestamp(text)
    except ValueError:
        return None


def _summary(lanes: Sequence[str]) -> str:
    told = (
        "A row for each trial at a time on a node. Lengths of stages are on record, their starts "
        "are not: they are drawn one after the other."
    )
    more = len(lanes) - _MOST_LANES
    return f"{told} {more} more rows are left out." if more > 0 else told
