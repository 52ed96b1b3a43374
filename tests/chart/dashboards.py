"""The panels of the chart's Grafana dashboard, and what they ask, with its variables filled in."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from clusters.helm import CHART

VARIABLES = {"$namespace": ".*", "$__rate_interval": "5m"}


def panels() -> Iterator[dict[str, Any]]:
    """Yield the panels that show something; rows only divide them."""
    for panel in json.loads((CHART / "files/dashboard.json").read_text())["panels"]:
        if panel["type"] != "row":
            yield panel


def queries() -> Iterator[str]:
    """Yield every query as Grafana sends it."""
    for panel in panels():
        for target in panel["targets"]:
            expression = str(target["expr"])
            for variable, value in VARIABLES.items():
                expression = expression.replace(variable, value)
            assert "$" not in expression, expression
            yield expression
