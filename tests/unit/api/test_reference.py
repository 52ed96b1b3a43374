"""The page of metrics and parameters holds exactly what the contract's tables say."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from deploytune.contract.metrics import METRICS, MetricDefinition
from deploytune.contract.parameters import TRIAL_PARAMETERS, TrialParameter

PAGE = Path(__file__).parents[3] / "operator" / "docs" / "metrics-and-parameters.md"


def row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def metric_row(metric: MetricDefinition) -> str:
    needs = ["a load"] if metric.under_load else []
    needs += ["evaluation data"] if metric.needs_labels else []
    needs += ["an NVIDIA device"] if metric.needs_device else []
    needs += ["an evaluation function"] if metric.needs_function else []
    return row(
        (
            f"`{metric.name}`",
            metric.unit,
            metric.better,
            f"{metric.scale:g}",
            ", ".join(needs) or "-",
            metric.meaning,
        )
    )


def parameter_row(parameter: TrialParameter) -> str:
    values = ", ".join(f"`{value}`" for value in parameter.values) or "a name"
    if parameter.minimum is not None:
        values = f"{parameter.minimum} to {parameter.maximum}"
    backend = "any" if parameter.when_backend is None else f"`{parameter.when_backend}`"
    return row((f"`{parameter.name}`", values, backend, parameter.consumed_by, parameter.meaning))


def rows_of(first_header: str) -> list[str]:
    """Return the rows of the table with that first header."""
    lines = PAGE.read_text().splitlines()
    start = next(n for n, line in enumerate(lines) if line.startswith(f"| {first_header} |"))
    table = lines[start + 2 :]
    return table[: next(n for n, line in enumerate([*table, ""]) if not line)]


def test_every_metric_stands_on_the_page() -> None:
    assert [metric_row(metric) for metric in METRICS.values()] == rows_of("metric")


def test_every_parameter_stands_on_the_page() -> None:
    assert [parameter_row(one) for one in TRIAL_PARAMETERS.values()] == rows_of("parameter")
