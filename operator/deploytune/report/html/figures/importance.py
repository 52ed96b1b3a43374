"""How much each parameter decided, for the objective and for the limits."""

from __future__ import annotations

from deploytune.report.html.figures.figure import Figure, Trace, plain
from deploytune.report.html.importances import (
    Importance,
    importance_of_feasibility,
    importance_of_objective,
)
from deploytune.report.html.story import Story

_ROW_PIXELS = 34
_MARGIN_PIXELS = 110
_MOST_ROWS = 20


def importance(story: Story) -> Figure | None:
    """Return the importances; None where neither can be told."""
    told = {
        f"for {story.objective}": (importance_of_objective(story), "var(--accent)"),
        "for feasibility": (importance_of_feasibility(story), "var(--feasible)"),
    }
    known = {name: (found, colour) for name, (found, colour) in told.items() if found is not None}
    if not known:
        return None
    names = _names([found for found, _ in known.values()])
    traces: list[Trace] = [
        {
            "type": "bar",
            "orientation": "h",
            "name": plain(name),
            "y": [plain(each) for each in names],
            "x": [found.shares.get(each, 0.0) for each in names],
            "marker": {"color": colour},
            "hovertemplate": f"%{{y}} {plain(name)}: %{{x:.0%}}<extra></extra>",
        }
        for name, (found, colour) in known.items()
    ]
    layout = {
        "barmode": "group",
        "xaxis": {"tickformat": ".0%", "rangemode": "tozero"},
        "yaxis": {"type": "category", "autorange": "reversed"},
    }
    stands = "; ".join(
        f"{name}: {found.trials} trials, {found.better} of them the better ones"
        for name, (found, _) in known.items()
    )
    summary = (
        f"PED-ANOVA. {stands[0].upper()}{stands[1:]}. The trials were chosen by a search and not "
        "at random: a parameter that it soon settled shows less than it matters."
    )
    height = _MARGIN_PIXELS + _ROW_PIXELS * len(names)
    return Figure("importance", "Which parameters decided", traces, layout, height, summary)


def _names(found: list[Importance]) -> list[str]:
    names = dict.fromkeys(name for each in found for name in each.shares)
    most = sorted(names, key=lambda name: -max(each.shares.get(name, 0.0) for each in found))
    return most[:_MOST_ROWS]
