"""The best objective so far, over trials and over what they cost."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate

from deploytune.api.trial import TuningTrial
from deploytune.contract.outcomes import OutcomeKind
from deploytune.report.answer import name_of_best
from deploytune.report.html.figures.figure import (
    Figure,
    Trace,
    axis_type,
    by_outcome,
    hover_of,
    mark_size,
    marker_of,
    plain,
)
from deploytune.report.html.story import Story, measured_value
from deploytune.report.wording import describe_value

_SHOWN = (OutcomeKind.FEASIBLE, OutcomeKind.INFEASIBLE)


def course_over_trials(story: Story) -> Figure | None:
    """Return the best objective over ended trials of the search; None before any measurement."""
    places = [float(place) for place in range(1, len(story.searched) + 1)]
    return _course(story, places, "course-trials", "over trials", "trials ended")


def course_over_cost(story: Story) -> Figure | None:
    """Return the best objective over what had been spent; None before any measurement."""
    spent = list(accumulate(story.cost_of_trial(trial) for trial in story.searched))
    name = story.cost_name
    return _course(story, spent, "course-cost", f"over {name}", name)


def best_so_far(story: Story) -> list[float | None]:
    """Return the best feasible objective after each ended trial, None while there is none."""
    bests: list[float | None] = []
    best: float | None = None
    for trial in story.searched:
        value = measured_value(trial, story.objective)
        feasible = trial.status.outcome is OutcomeKind.FEASIBLE
        if value is not None and feasible and (best is None or _is_better(story, value, best)):
            best = value
        bests.append(best)
    return bests


def _course(
    story: Story, places: Sequence[float], name: str, title: str, unit: str
) -> Figure | None:
    at = dict(zip((t.spec.index for t in story.searched), places, strict=True))
    measured = [t for t in story.searched if measured_value(t, story.objective) is not None]
    bests = best_so_far(story)
    shown = {kind: found for kind, found in by_outcome(measured).items() if kind in _SHOWN}
    if not shown:
        return None
    traces = [_points(story, kind, found, at) for kind, found in shown.items()]
    best = next((value for value in reversed(bests) if value is not None), None)
    if best is not None:
        traces.append(_steps(places, bests))
    traces += _answer(story, places[-1])
    values = [value for t in measured if (value := measured_value(t, story.objective)) is not None]
    layout = {
        "xaxis": {"title": {"text": unit}, "rangemode": "tozero"},
        "yaxis": {"title": {"text": plain(story.objective)}, "type": axis_type(values)},
        "hovermode": "closest",
    }
    summary = (
        "Nothing feasible so far."
        if best is None
        else f"Best measured in the search: {describe_value(story.objective, best)}."
    )
    return Figure(name, f"Best objective {title}", traces, layout, summary=summary)


def _points(
    story: Story, kind: OutcomeKind, trials: Sequence[TuningTrial], at: dict[int, float]
) -> Trace:
    return {
        "type": "scatter",
        "mode": "markers",
        "name": kind.value,
        "x": [at[trial.spec.index] for trial in trials],
        "y": [measured_value(trial, story.objective) for trial in trials],
        "text": [hover_of(story, trial) for trial in trials],
        "hovertemplate": "%{text}<extra></extra>",
        "marker": marker_of(kind, mark_size(len(story.searched))),
    }


def _steps(places: Sequence[float], bests: Sequence[float | None]) -> Trace:
    """Return the line of the best, a point where it changes and one at the end."""
    corners = list(_corners(places, bests))
    return {
        "type": "scatter",
        "mode": "lines",
        "name": "best so far",
        "x": [place for place, _ in corners],
        "y": [best for _, best in corners],
        "line": {"shape": "hv", "color": "var(--accent)", "width": 2},
        "hoverinfo": "skip",  # the trial that it comes from lies under it, and says more
    }


def _corners(
    places: Sequence[float], bests: Sequence[float | None]
) -> Iterator[tuple[float, float]]:
    before: float | None = None
    for place, best in zip(places, bests, strict=True):
        if best is not None and best != before:
            yield place, best
        before = best
    if before is not None:
        yield places[-1], before


def _answer(story: Story, place: float) -> list[Trace]:
    """Return the winner as its confirmations measured it, where there are any."""
    winner = story.status.best
    if winner is None or not winner.confirmations or story.objective not in winner.metrics:
        return []
    return [
        {
            "type": "scatter",
            "mode": "markers",
            "name": f"{name_of_best(story.status)}, confirmed",
            "x": [place],
            "y": [winner.metrics[story.objective]],
            "error_y": {"array": [winner.half_widths.get(story.objective, 0.0)]},
            "marker": {"symbol": "star", "size": 13, "color": "var(--winner)"},
            "hovertemplate": f"{plain(winner.trial)}, confirmed: %{{y}}<extra></extra>",
        }
    ]


def _is_better(story: Story, value: float, than: float) -> bool:
    loss = story.problem.objective.loss
    return loss(value) < loss(than)
