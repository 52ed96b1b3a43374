"""A limit in a figure: a line across the plot, and the side beyond it shaded."""

from __future__ import annotations

from collections.abc import Iterator

from deploytune.contract.limits import Limit
from deploytune.report.html.figures.figure import Layout


def limit_shapes(limit: Limit, far: float, x: str = "x", y: str = "paper") -> Iterator[Layout]:
    """Yield the shapes of a limit on an x axis; `far` is where the figure ends beyond it."""
    place = {"xref": x, "yref": y, "y0": 0, "y1": 1, "x0": limit.bound}
    if far != limit.bound:
        yield {
            **place,
            "type": "rect",
            "x1": far,
            "fillcolor": "var(--forbidden)",
            "line": {"width": 0},
            "layer": "below",
        }
    yield {
        **place,
        "type": "line",
        "x1": limit.bound,
        "line": {"color": "var(--limit)", "width": 2, "dash": "dash"},
    }
