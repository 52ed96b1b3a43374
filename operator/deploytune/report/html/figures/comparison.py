"""The winner against the baseline, a row for the objective and for each limited metric."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from deploytune.api.tuning import Answer
from deploytune.contract.limits import Limit
from deploytune.report.answer import name_of_best
from deploytune.report.html.figures.figure import Figure, Layout, Trace, plain
from deploytune.report.html.figures.forbidden import limit_shapes
from deploytune.report.html.story import Story
from deploytune.report.wording import describe_value

_TITLE_PIXELS, _BAR_PIXELS, _NUMBERS_PIXELS = 26, 52, 38
_ROW_PIXELS = _TITLE_PIXELS + _BAR_PIXELS + _NUMBERS_PIXELS
_MARGIN_PIXELS = 6
_MOST_ROWS = 8
_ROOM = 0.15


def comparison(story: Story) -> Figure | None:
    """Return winner and baseline with their intervals; None while there is no winner."""
    winner = story.status.best
    if winner is None:
        return None
    keys = _keys(story, winner)
    if not keys:
        return None
    traces: list[Trace] = []
    margin = {"l": 10, "r": 14, "t": _MARGIN_PIXELS, "b": _MARGIN_PIXELS}
    layout: Layout = {"showlegend": False, "shapes": [], "annotations": [], "margin": margin}
    pixels = _ROW_PIXELS * len(keys)
    for row, key in enumerate(keys):
        number = "" if row == 0 else str(row + 1)
        title = pixels - row * _ROW_PIXELS
        top = title - _TITLE_PIXELS
        traces += _row(story, winner, key, number)
        domain = [(top - _BAR_PIXELS) / pixels, top / pixels]
        layout |= _axes(story, winner, key, number, domain)
        layout["annotations"].append(_title(story, key, title / pixels))
        layout["shapes"] += _limits(story, key, number)
    summary = "Intervals are those of the metrics table; a shaded side is beyond a limit."
    height = 2 * _MARGIN_PIXELS + pixels
    return Figure("comparison", "The objective and the limits", traces, layout, height, summary)


def _keys(story: Story, winner: Answer) -> list[str]:
    limited = [constraint.limit.metric for constraint in story.problem.constraints]
    wanted = dict.fromkeys([story.objective, *limited])
    return [key for key in wanted if key in winner.metrics][:_MOST_ROWS]


def _sides(story: Story, winner: Answer, key: str) -> Iterator[tuple[str, Answer, str]]:
    yield name_of_best(story.status), winner, "var(--winner)"
    baseline = story.status.baseline
    if baseline is not None and key in baseline.metrics:
        yield "baseline", baseline, "var(--baseline)"


def _row(story: Story, winner: Answer, key: str, number: str) -> Iterator[Trace]:
    for name, answer, colour in _sides(story, winner, key):
        width = answer.half_widths.get(key)
        shown = describe_value(key, answer.metrics[key], width)
        yield {
            "type": "scatter",
            "mode": "markers",
            "x": [answer.metrics[key]],
            "y": [name],
            "xaxis": f"x{number}",
            "yaxis": f"y{number}",
            "error_x": {"array": [width or 0.0], "color": colour, "thickness": 2},
            "marker": {"size": 12, "color": colour, "symbol": "diamond"},
            "hovertemplate": f"{name} {plain(answer.trial)}<br>{plain(shown)}<extra></extra>",
        }


def _axes(story: Story, winner: Answer, key: str, number: str, domain: list[float]) -> Layout:
    names = [name for name, _, _ in _sides(story, winner, key)]
    return {
        f"xaxis{number}": {
            "anchor": f"y{number}",
            "range": _range(story, winner, key),
            "nticks": 6,
            "automargin": False,
        },
        f"yaxis{number}": {
            "domain": domain,
            "anchor": f"x{number}",
            "categoryorder": "array",
            "categoryarray": names[::-1],
            "range": [-0.5, len(names) - 0.5],
            "fixedrange": True,
        },
    }


def _range(story: Story, winner: Answer, key: str) -> list[float]:
    """Return an axis that holds both intervals and the limit, with a little room."""
    ends = [limit.bound for limit in _limits_of(story, key)]
    for _, answer, _ in _sides(story, winner, key):
        width = answer.half_widths.get(key, 0.0)
        ends += [answer.metrics[key] - width, answer.metrics[key] + width]
    low, high = min(ends), max(ends)
    room = _ROOM * (high - low or abs(high) or 1.0)
    return [low - room, high + room]


def _title(story: Story, key: str, top: float) -> Layout:
    aim = story.problem.objective.direction.value.lower().replace("ize", "ise")
    words = [f"<b>{plain(key)}</b>"]
    words += [f"to {aim}"] if key == story.objective else []
    words += [plain(_bound(limit)) for limit in _limits_of(story, key)]
    return {
        "text": ", ".join(words),
        "x": 0,
        "y": top,
        "xref": "paper",
        "yref": "paper",
        "xanchor": "left",
        "yanchor": "top",
        "showarrow": False,
    }


def _bound(limit: Limit) -> str:
    side = "at most" if limit.max is not None else "at least"
    return f"{side} {describe_value(limit.metric, limit.bound)}"


def _limits(story: Story, key: str, number: str) -> Iterator[Layout]:
    """Yield a line at each limit, and the side beyond it shaded."""
    winner = story.status.best
    assert winner is not None
    low, high = _range(story, winner, key)
    for limit in _limits_of(story, key):
        far = high if limit.max is not None else low
        yield from limit_shapes(limit, far, f"x{number}", f"y{number} domain")


def _limits_of(story: Story, key: str) -> Sequence[Limit]:
    limits = (constraint.limit for constraint in story.problem.constraints)
    return [limit for limit in limits if limit.metric == key]
