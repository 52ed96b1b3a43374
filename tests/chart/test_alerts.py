"""The alerts fire when they must and stop when it is over, by Prometheus' own rules."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from chart.exposed import exposed_names
from clusters.helm import CHART
from clusters.places import REPOSITORY
from clusters.programs import output_of

RULES = CHART / "files/alerts.yaml"
CASES = Path(__file__).with_name("alerts_test.yaml")
RUNBOOKS = REPOSITORY / "operator/docs/alerts.md"


def rules() -> Iterator[Mapping[str, Any]]:
    for group in yaml.safe_load(RULES.read_text())["groups"]:
        yield from group["rules"]


ALERTS = {rule["alert"]: rule for rule in rules() if "alert" in rule}
BY_ALERT = pytest.mark.parametrize("alert", ALERTS)


def test_prometheus_takes_the_rules(promtool: Path) -> None:
    said = output_of([promtool, "check", "rules", "--lint-fatal", RULES])

    assert f"SUCCESS: {len(list(rules()))} rules found" in said


def test_each_alert_fires_and_stops(promtool: Path, tmp_path: Path) -> None:
    cases = yaml.safe_load(CASES.read_text()) | {"rule_files": [str(RULES)]}
    written = tmp_path / "cases.yaml"
    written.write_text(yaml.safe_dump(cases, sort_keys=False))

    assert "SUCCESS" in output_of([promtool, "test", "rules", written])


@BY_ALERT
def test_it_is_tried_before_while_and_after_its_cause(alert: str) -> None:
    courses = [
        [bool(moment["exp_alerts"]) for moment in case["alert_rule_test"] if is_of(moment, alert)]
        for case in yaml.safe_load(CASES.read_text())["tests"]
    ]

    assert [False, True, False] in courses


def is_of(moment: Mapping[str, Any], alert: str) -> bool:
    return bool(moment["alertname"] == alert)


@BY_ALERT
def test_it_says_what_is_wrong_and_where_to_read_on(alert: str) -> None:
    page, _, anchor = ALERTS[alert]["annotations"]["runbook"].partition("#")

    assert RUNBOOKS == REPOSITORY / page
    assert f"## {alert}\n" in RUNBOOKS.read_text()
    assert alert.lower() == anchor
    assert {"summary", "description", "runbook"} == set(ALERTS[alert]["annotations"])
    assert f"| [{alert}](#{anchor}) | {ALERTS[alert]['labels']['severity']} |" in (
        RUNBOOKS.read_text()
    )


def test_they_ask_for_metrics_that_the_operator_has() -> None:
    asked = set(re.findall(r"\bdeploytune_\w+", "\n".join(rule["expr"] for rule in rules())))

    assert asked
    assert set() == asked - exposed_names()
