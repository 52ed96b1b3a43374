"""The dashboard asks Prometheus what it understands, for metrics that the operator has."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import yaml
from chart.dashboards import panels, queries
from chart.exposed import exposed_names
from clusters.helm import CHART, Helm
from clusters.programs import output_of


def test_prometheus_understands_every_query(promtool: Path, tmp_path: Path) -> None:
    rules = [
        {"record": f"query_{number}", "expr": expression}
        for number, expression in enumerate(queries())
    ]
    written = tmp_path / "queries.yaml"
    written.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}))

    assert f"{len(rules)} rules found" in output_of([promtool, "check", "rules", written])


def test_every_query_is_for_metrics_that_the_operator_has() -> None:
    for expression in queries():
        asked = set(re.findall(r"\bdeploytune_\w+", expression))
        assert asked
        assert set() == asked - exposed_names()


def test_every_panel_says_what_it_shows() -> None:
    assert [] == [panel["title"] for panel in panels() if not panel.get("description")]


def test_panels_do_not_lie_upon_each_other() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in panels():
        own = cells_of(panel["gridPos"])
        assert not taken & own, panel["title"]
        taken |= own


def cells_of(place: dict[str, int]) -> set[tuple[int, int]]:
    columns = range(place["x"], place["x"] + place["w"])
    return {(x, y) for x in columns for y in range(place["y"], place["y"] + place["h"])}


def test_the_chart_hands_it_to_grafana(helm: Helm) -> None:
    made = helm.template(values={"dashboard": {"enabled": True}})
    [found] = [each for each in made if each["kind"] == "ConfigMap"]

    expected: Any = json.loads((CHART / "files/dashboard.json").read_text())
    assert expected == json.loads(found["data"]["deploytune.json"])
    assert "1" == found["metadata"]["labels"]["grafana_dashboard"]
