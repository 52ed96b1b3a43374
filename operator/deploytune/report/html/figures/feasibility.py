"""What came of each variant: a map over the structural parameters, and the shares of outcomes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from deploytune.api.trial import TuningTrial
from deploytune.contract.models import Scalar
from deploytune.contract.outcomes import OutcomeKind
from deploytune.report.html.figures.figure import COLOURS, Figure, Trace, plain
from deploytune.report.html.story import Story
from deploytune.report.html.structure import structural_parameters
from deploytune.search.parameters import Parameter, kind_of

_ROW_PIXELS = 30
_MARGIN_PIXELS = 150
_MOST_ROWS = 40
_NOT_ACTIVE = "-"

Cell = tuple[str, str]
"""Row and column of the map, as they are shown."""


def feasibility_map(story: Story) -> Figure | None:
    """Return the share of feasible trials by variant; None without a choice or a trial."""
    parameters = structural_parameters(story.problem.space)
    if not parameters or not story.searched:
        return None
    across = parameters[-1] if len(parameters) > 1 else None
    down = parameters if across is None else parameters[:-1]
    cells = outcomes_by_variant(story, down, across)
    rows = list(dict.fromkeys(row for row, _ in cells))[:_MOST_ROWS]
    tried = [column for _, column in cells]
    columns = list(dict.fromkeys([*_levels(across), *tried]))  # not active is no level
    shares = [[_share(cells.get((row, column))) for column in columns] for row in rows]
    texts = [[_short(cells.get((row, column))) for column in columns] for row in rows]
    hovers = [[_hover(row, column, cells.get((row, column))) for column in columns] for row in rows]
    trace: Trace = {
        "type": "heatmap",
        "z": shares,
        "x": [plain(column) for column in columns],
        "y": [plain(row) for row in rows],
        "text": texts,
        "customdata": hovers,
        "texttemplate": "%{text}",
        "hovertemplate": "%{customdata}<extra></extra>",
        "zmin": 0,
        "zmax": 1,
        "colorscale": [[0, "var(--map-low)"], [0.5, "var(--map-middle)"], [1, "var(--map-high)"]],
        "showscale": False,
        "xgap": 3,
        "ygap": 3,
    }
    layout = {
        "xaxis": {"type": "category", "title": {"text": plain(_name(across))}, "showgrid": False},
        "yaxis": {"type": "category", "autorange": "reversed", "showgrid": False},
    }
    names = " x ".join(parameter.name for parameter in parameters)
    summary = "Feasible trials of all that ended, by variant; an empty cell was not tried."
    height = _MARGIN_PIXELS + _ROW_PIXELS * len(rows)
    return Figure("feasibility", f"Feasible, by {names}", [trace], layout, height, summary)


def outcome_shares(story: Story) -> Figure | None:
    """Return the shares of outcomes of every value of the structural parameters."""
    parameters = structural_parameters(story.problem.space)
    if not parameters or not story.searched:
        return None
    rows = [
        (f"{parameter.name}={level}", _counted(story, parameter, level))
        for parameter in parameters
        for level in _values(parameter)
    ][:_MOST_ROWS]
    kinds = [kind for kind in OutcomeKind if any(counts[kind] for _, counts in rows)]
    traces: list[Trace] = [
        {
            "type": "bar",
            "orientation": "h",
            "name": kind.value,
            "y": [plain(name) for name, _ in rows],
            "x": [counts[kind] / (sum(counts.values()) or 1) for _, counts in rows],
            "customdata": [f"{counts[kind]} of {sum(counts.values())}" for _, counts in rows],
            "hovertemplate": f"%{{y}}: {kind.value} %{{customdata}}<extra></extra>",
            "marker": {"color": COLOURS[kind]},
        }
        for kind in kinds
    ]
    layout = {
        "barmode": "stack",
        "legend": {"traceorder": "normal"},
        "xaxis": {"tickformat": ".0%", "range": [0, 1]},
        "yaxis": {"type": "category", "autorange": "reversed"},
    }
    summary = "Shares of the trials that ended with each value, confirmations left out."
    height = _MARGIN_PIXELS + 24 * len(rows)
    return Figure("outcomes", "Outcomes by value", traces, layout, height, summary)


def outcomes_by_variant(
    story: Story, down: tuple[Parameter, ...], across: Parameter | None
) -> dict[Cell, Counter[OutcomeKind]]:
    """Return the outcomes of each variant that was tried, rows in the order of the values."""
    order = {row: place for place, row in enumerate(_rows(down))}
    cells: dict[Cell, Counter[OutcomeKind]] = {}
    for trial in story.searched:
        assert trial.status.outcome is not None
        row = " · ".join(_shown(story, trial, parameter) for parameter in down)
        column = _name(across) if across is None else _shown(story, trial, across)
        cells.setdefault((row, column), Counter())[trial.status.outcome] += 1
    last = len(order)
    return dict(sorted(cells.items(), key=lambda cell: order.get(cell[0][0], last)))


def _rows(down: Sequence[Parameter]) -> Iterator[str]:
    if not down:
        yield ""
        return
    first, *rest = down
    for level in [*_values(first), _NOT_ACTIVE]:
        for tail in _rows(rest):
            yield f"{level} · {tail}" if rest else str(level)


def _levels(across: Parameter | None) -> list[str]:
    return [_name(across)] if across is None else [str(level) for level in _values(across)]


def _name(parameter: Parameter | None) -> str:
    return "all" if parameter is None else parameter.name


def _values(parameter: Parameter) -> list[Scalar]:
    return [parameter.level(place) for place in range(parameter.count or 0)]


def _shown(story: Story, trial: TuningTrial, parameter: Parameter) -> str:
    value = story.value_of(trial, parameter.name)
    return _NOT_ACTIVE if value is None else str(value)


def _counted(story: Story, parameter: Parameter, level: Scalar) -> Counter[OutcomeKind]:
    wanted = (kind_of(level), level)
    found = (
        trial.status.outcome
        for trial in story.searched
        if (value := story.value_of(trial, parameter.name)) is not None
        and (kind_of(value), value) == wanted
    )
    return Counter(outcome for outcome in found if outcome is not None)


def _share(counts: Counter[OutcomeKind] | None) -> float | None:
    return None if counts is None else counts[OutcomeKind.FEASIBLE] / sum(counts.values())


def _short(counts: Counter[OutcomeKind] | None) -> str:
    if counts is None:
        return ""
    return f"{counts[OutcomeKind.FEASIBLE]}/{sum(counts.values())}"


def _hover(row: str, column: str, counts: Counter[OutcomeKind] | None) -> str:
    name = f"<b>{plain(row)} · {plain(column)}</b>"
    if counts is None:
        return f"{name}<br>not tried"
    return "<br>".join(
        [name, *(f"{kind.value} {counts[kind]}" for kind in OutcomeKind if counts[kind])]
    )
