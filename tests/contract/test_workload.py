from __future__ import annotations

from typing import Any

import pytest
from contract_builders import a_load, a_workload
from pydantic import ValidationError

from deploytune.contract.workload import (
    LoadType,
    ModelSource,
    fewest_samples,
    why_not_measurable,
)

STEADY = a_load(name="steady", type=LoadType.POISSON, rate_per_second=60)
WORKLOAD = a_workload(loads=(STEADY,))


@pytest.mark.parametrize(("percentile", "expected"), [(50, 7), (90, 44), (95, 90), (99, 459)])
def test_the_fewest_samples_are_those_of_mlperf(percentile: float, expected: int) -> None:
    assert fewest_samples(percentile) == expected


@pytest.mark.parametrize(
    ("metric", "load", "expected"),
    [
        pytest.param("latency_p95_ms", "steady", None, id="a latency under its load"),
        pytest.param("accuracy", None, None, id="an accuracy with data"),
        pytest.param("server_memory_mib", None, None, id="a memory"),
        pytest.param("joy", None, "must be one of latency_mean_ms, ", id="no such metric"),
        pytest.param(
            "latency_p95_ms", None, "must name its load profile in `load`", id="without a load"
        ),
        pytest.param(
            "throughput",
            "full",
            "must name a load profile of workload.loads (steady) in `load`",
            id="under a load that is not there",
        ),
        pytest.param(
            "accuracy",
            "steady",
            "may not name a load: it does not depend on one",
            id="an accuracy under a load",
        ),
        pytest.param(
            "max_rate_under_limits",
            "steady",
            "needs a load of type MaxRate, load 'steady' has type Poisson",
            id="a highest rate under a load that has its rate",
        ),
        pytest.param(
            "latency_p99_ms",
            "steady",
            "needs at least 459 requests a measurement, load 'steady' has 300 (3 x windowRequests)",
            id="a percentile with too few requests",
        ),
    ],
)
def test_a_metric_is_measurable_under_what_it_depends_on(
    metric: str, load: str | None, expected: str | None
) -> None:
    rule = why_not_measurable(WORKLOAD, metric, load)

    assert rule == expected or (expected is not None and str(rule).startswith(expected))


def test_459_requests_are_enough_for_p99() -> None:
    load = a_load(name="l", type=LoadType.CLOSED_LOOP, concurrency=1, window_requests=153)

    assert why_not_measurable(a_workload(loads=(load,)), "latency_p99_ms", "l") is None
    assert load.measured_requests == 459


def test_accuracy_needs_data() -> None:
    workload = a_workload(evaluation_data=None)

    assert why_not_measurable(workload, "accuracy", None) == "needs workload.evaluationData"


def test_without_loads_it_says_so() -> None:
    rule = why_not_measurable(a_workload(loads=()), "throughput", "steady")

    assert rule == "must name a load profile of workload.loads (none) in `load`"


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"type": "Poisson"}, "ratePerSecond must be set when type is Poisson"),
        (
            {"type": "Poisson", "rate_per_second": 1, "concurrency": 1},
            "concurrency may not be set when type is Poisson",
        ),
        ({"type": "ClosedLoop"}, "concurrency must be set when type is ClosedLoop"),
        (
            {"type": "ClosedLoop", "concurrency": 1, "rate_per_second": 1},
            "ratePerSecond may not be set when type is ClosedLoop",
        ),
    ],
)
def test_a_load_has_what_its_type_needs(fields: dict[str, Any], expected: str) -> None:
    with pytest.raises(ValidationError, match=expected):
        a_load(name="l", **fields)


@pytest.mark.parametrize("field", ["models", "inputs", "loads"])
def test_names_are_unique(field: str) -> None:
    first = getattr(a_workload(), field)[0]

    with pytest.raises(ValidationError, match=f"{field} must have unique names"):
        a_workload(**{field: (first, first)})


def test_python_sources_are_told_from_files() -> None:
    assert ModelSource(name="a", source="python:a.b:c").is_python
    assert not ModelSource(name="a", source="python/a.onnx").is_python
