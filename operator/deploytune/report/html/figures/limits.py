"""Each limited metric against the objective, the limit drawn."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from deploytune.api.trial import TuningTrial
from deploytune.contract.limits import Limit
from deploytune.contract.outcomes import OutcomeKind
from deploytune.report.answer import name_of_best
from deploytune.report.html.figures.figure import (
    Figure,
    Layout,
    Trace,
    axis_range,
    axis_type,
    by_outcome,
    hover_of,
    mark_size,
    marker_of,
    plain,
)
from deploytune.report.html.figures.forbidden import limit_shapes
from deploytune.report.html.story import Story, measured_value
from deploytune.report.wording import describe_value

_MOST_LIMITS = 6


def objective_against_limits(story: Story) -> Iterator[Figure]:
    """Yield a figure for each limited metric that was measured beside the objective."""
    for place, constraint in enumerate(story.problem.constraints[:_MOST_LIMITS]):
        limit = constraint.limit
        measured = [
            trial
            for trial in story.ended
            if measured_value(trial, limit.metric) is not None
            and measured_value(trial, story.objective) is not None
        ]
        if measured and limit.metric != story.objective:
            yield _figure(story, limit, measured, f"limit-{place}")


def _figure(story: Story, limit: Limit, trials: Sequence[TuningTrial], name: str) -> Figure:
    values = [value for t in trials if (value := measured_value(t, limit.metric)) is not None]
    objectives = [
        value for t in trials if (value := measured_value(t, story.objective)) is not None
    ]
    scale = axis_type([*values, limit.bound])
    missed = sum(not limit.is_met_by(value) for value in values)
    traces = [
        _points(story, kind, found, limit.metric) for kind, found in by_outcome(trials).items()
    ]
    traces += _marked(story, limit.metric)
    layout: Layout = {
        "xaxis": {
            "title": {"text": plain(limit.metric)},
            "type": scale,
            "range": axis_range([*values, limit.bound], scale),
        },
        "yaxis": {"title": {"text": plain(story.objective)}, "type": axis_type(objectives)},
        "shapes": list(limit_shapes(limit, _far_side(limit, values))),
        "hovermode": "closest",
    }
    side = "at most" if limit.max is not None else "at least"
    summary = (
        f"The limit: {side} {describe_value(limit.metric, limit.bound)}; missed by {missed} of "
        f"{len(values)} that measured it. The shaded side is beyond it."
    )
    return Figure(name, f"{limit.metric} against {story.objective}", traces, layout, 380, summary)


def _points(story: Story, kind: OutcomeKind, trials: Sequence[TuningTrial], metric: str) -> Trace:
    return {
        "type": "scatter",
        "mode": "markers",
        "name": kind.value,
        "x": [measured_value(trial, metric) for trial in trials],
        "y": [measured_value(trial, story.objective) for trial in trials],
        "text": [hover_of(story, trial) for trial in trials],
        "hovertemplate": "%{text}<extra></extra>",
        "marker": marker_of(kind, mark_size(len(story.ended))),
    }


def _marked(story: Story, metric: str) -> Iterator[Trace]:
    """Yield the winner and the baseline, with their intervals."""
    told = (
        (name_of_best(story.status), story.status.best, "winner", "star", 15),
        ("baseline", story.status.baseline, "baseline", "diamond", 11),
    )
    for name, answer, colour_name, symbol, size in told:
        if answer is None or metric not in answer.metrics or story.objective not in answer.metrics:
            continue
        colour = f"var(--{colour_name})"
        yield {
            "type": "scatter",
            "mode": "markers",
            "name": name,
            "x": [answer.metrics[metric]],
            "y": [answer.metrics[story.objective]],
            "error_x": {"array": [answer.half_widths.get(metric, 0.0)], "color": colour},
            "error_y": {"array": [answer.half_widths.get(story.objective, 0.0)], "color": colour},
            "marker": {"symbol": symbol, "size": size, "color": colour},
            "hovertemplate": f"{name} {plain(answer.trial)}<extra></extra>",
        }


def _far_side(limit: Limit, values: Sequence[float]) -> float:
    """Return the measured value that is farthest beyond a limit, its bound if none is."""
    farthest = max if limit.max is not None else min
    return farthest([*values, limit.bound])
