from __future__ import annotations

import pytest

from deploytune.contract.metrics import METRICS, Direction, metric_key, split_metric_key


@pytest.mark.parametrize(
    ("metric", "load", "expected"),
    [("accuracy", None, "accuracy"), ("latency_p95_ms", "steady", "latency_p95_ms@steady")],
)
def test_a_key_is_split_into_what_it_was_made_of(
    metric: str, load: str | None, expected: str
) -> None:
    assert metric_key(metric, load) == expected
    assert split_metric_key(expected) == (metric, load)


def test_units_stand_in_the_names_of_what_has_one() -> None:
    endings = {"ms": "_ms", "MiB": "_mib", "s": "_seconds", "W": "_watts", "J": "_joules"}
    for metric in METRICS.values():
        assert metric.name.endswith(endings.get(metric.unit, "")), metric.name


def test_percentiles_are_those_of_the_names() -> None:
    percentiles = {name: metric.percentile for name, metric in METRICS.items()}

    expected = {f"latency_p{p}_ms": float(p) for p in (50, 90, 95, 99)}
    assert {name: p for name, p in percentiles.items() if p is not None} == expected


def test_every_metric_has_a_scale_and_a_meaning() -> None:
    assert all(metric.scale > 0 and metric.meaning and metric.unit for metric in METRICS.values())


def test_latencies_are_better_when_small() -> None:
    latencies = [metric for name, metric in METRICS.items() if name.startswith("latency")]

    assert {metric.better for metric in latencies} == {Direction.MINIMIZE}
