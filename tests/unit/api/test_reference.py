"""The page of metrics and parameters holds exactly what the contract's tables say."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from deploytune.contract.builders import BUILDERS, Builder, Condition, backends_with
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
    backend = ", ".join(f"`{name}`" for name in backends_with(parameter.name)) or "any"
    return row((f"`{parameter.name}`", values, backend, parameter.consumed_by, parameter.meaning))


def builder_rows(builder: Builder) -> Iterator[str]:
    for name, condition in builder.parameters.items():
        known = builder.values.get(name, ())
        yield row(
            (f"`{builder.backend}`", f"`{name}`", _values(known) or "all", _met(condition) or "-")
        )
    for refused in builder.refuses:
        yield row((f"`{builder.backend}`", "never together", _met(refused), "-"))


def _met(condition: Condition) -> str:
    return ", ".join(f"`{name}` {_values(values)}" for name, values in condition.items())


def _values(values: Iterable[str]) -> str:
    return " or ".join(f"`{value}`" for value in values)


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


def test_every_builder_stands_on_the_page() -> None:
    rows = [one for builder in BUILDERS.values() for one in builder_rows(builder)]
    assert rows == rows_of("builder")
