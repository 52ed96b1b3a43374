"""Where the search looked: the values of the structural parameters over the trials.

Values that the strategy had closed are drawn as bars (see `closings`).
"""

from __future__ import annotations

from collections.abc import Sequence

from deploytune.api.trial import TuningTrial
from deploytune.contract.models import Scalar
from deploytune.contract.outcomes import OutcomeKind
from deploytune.report.html.closings import Closing, closings_of
from deploytune.report.html.figures.figure import (
    Figure,
    Trace,
    by_outcome,
    hover_of,
    mark_size,
    marker_of,
    plain,
)
from deploytune.report.html.story import Story
from deploytune.report.html.structure import structural_parameters
from deploytune.report.reasons import describe_reasons
from deploytune.search.closings import closes_values
from deploytune.search.parameters import Parameter
from deploytune.search.space import Space

_ROW_PIXELS = 24
_MARGIN_PIXELS = 150
_MOST_ROWS = 40
_MARK = 7


def where_it_looked(story: Story) -> Figure | None:
    """Return the values over the ended trials; None without a choice or a trial."""
    rows = _rows(story.problem.space, closings_of(story))
    if not rows or not story.searched:
        return None
    traces = [_closed(rows, closings_of(story))] if closings_of(story) else []
    places = {trial.spec.index: place for place, trial in enumerate(story.searched, start=1)}
    traces += [
        _points(story, kind, found, rows, places)
        for kind, found in by_outcome(story.searched).items()
    ]
    layout = {
        "barmode": "overlay",
        "xaxis": {"title": {"text": "trials ended"}, "rangemode": "tozero"},
        "yaxis": {
            "type": "category",
            "categoryorder": "array",
            "categoryarray": [_label(name, value) for name, value in rows],
            "autorange": "reversed",
        },
        "hovermode": "closest",
    }
    height = _MARGIN_PIXELS + _ROW_PIXELS * len(rows)
    return Figure("looked", "Where the search looked", traces, layout, height, _summary(story))


def _summary(story: Story) -> str:
    if not closes_values(story.problem.algorithm):
        return (
            f"{story.problem.algorithm.name} closes no part of the space, so that there are no "
            "closed subspaces to show: a gap in a row says only that the value was not tried then."
        )
    count = len(closings_of(story))
    told = "no value was closed" if count == 0 else f"bars are the {count} times a value was closed"
    return (
        f"As published, TBA closes a value after three failures in a row, for eight trials: "
        f"{told}. Worked out from the trials: the status holds only what is closed at the moment."
    )


def _rows(space: Space, closings: Sequence[Closing]) -> list[tuple[str, Scalar]]:
    """Return the values of the structural parameters, then others that were closed."""
    values = [
        (parameter.name, value)
        for parameter in structural_parameters(space)
        for value in _levels(parameter)
    ]
    closed = [(closing.parameter, closing.value) for closing in closings]
    return list({_label(*row): row for row in [*values, *closed]}.values())[:_MOST_ROWS]


def _levels(parameter: Parameter) -> list[Scalar]:
    return [parameter.level(place) for place in range(parameter.count or 0)]


def _label(name: str, value: object) -> str:
    return plain(f"{name}={value}")


def _points(
    story: Story,
    kind: OutcomeKind,
    trials: Sequence[TuningTrial],
    rows: Sequence[tuple[str, Scalar]],
    places: dict[int, int],
) -> Trace:
    names = dict.fromkeys(name for name, _ in rows)
    labels = {_label(name, value) for name, value in rows}
    points = [
        (places[trial.spec.index], label, trial)
        for trial in trials
        for name in names
        if (label := _label(name, story.value_of(trial, name))) in labels
    ]
    hovers = {trial.spec.index: _hover(story, trial) for trial in trials}
    return {
        "type": "scatter",
        "mode": "markers",
        "name": kind.value,
        "x": [place for place, _, _ in points],
        "y": [label for _, label, _ in points],
        "text": [hovers[trial.spec.index] for _, _, trial in points],
        "hovertemplate": "%{text}<extra></extra>",
        "marker": marker_of(kind, min(_MARK, mark_size(len(story.searched)))),
    }


def _hover(story: Story, trial: TuningTrial) -> str:
    proposal = trial.spec.proposal
    reasons = [plain(reason) for reason in describe_reasons(proposal.why)[:4]]
    return "<br>".join([hover_of(story, trial), f"<i>{plain(proposal.search_stage)}</i>", *reasons])


def _closed(rows: Sequence[tuple[str, Scalar]], closings: Sequence[Closing]) -> Trace:
    labels = {_label(name, value) for name, value in rows}
    shown = [each for each in closings if _label(each.parameter, each.value) in labels]
    return {
        "type": "bar",
        "orientation": "h",
        "name": "closed",
        "y": [_label(each.parameter, each.value) for each in shown],
        "base": [each.first + 0.5 for each in shown],
        "x": [each.last - each.first for each in shown],
        "customdata": [f"after trial {each.first} until {each.last}" for each in shown],
        "hovertemplate": "%{y} closed %{customdata}<extra></extra>",
        "marker": {"color": "var(--closed)"},
        "width": 0.8,
    }
