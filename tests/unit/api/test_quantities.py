from __future__ import annotations

import pytest
from pydantic import ValidationError

from deploytune.api.quantities import amount_of
from deploytune.api.tuning import ResourcesSpec


@pytest.mark.parametrize(
    ("quantity", "expected"), [("2", 2.0), ("0.5", 0.5), ("500m", 0.5), ("1500m", 1.5)]
)
def test_a_cpu_quantity_is_cores(quantity: str, expected: float) -> None:
    assert ResourcesSpec(cpu=quantity).to_resources().cpus == expected


@pytest.mark.parametrize(
    ("quantity", "expected"),
    [
        ("1024", 1024),
        ("1k", 1000),
        ("1Ki", 1024),
        ("512Mi", 512 << 20),
        ("2G", 2 * 10**9),
        ("1.5Gi", 3 << 29),
        ("1Ti", 1 << 40),
        ("0.5", 1),
    ],
)
def test_a_memory_quantity_is_bytes_rounded_up(quantity: str, expected: int) -> None:
    assert ResourcesSpec(memory=quantity).to_resources().memory_bytes == expected


@pytest.mark.parametrize("field", ["cpu", "memory"])
@pytest.mark.parametrize(
    "quantity", ["0", "0.0", "00", "", "-1", "1e3", "1 Gi", "1K", "lots", "1Xi"]
)
def test_nothing_and_nonsense_are_no_quantities(field: str, quantity: str) -> None:
    with pytest.raises(ValidationError):
        ResourcesSpec(**{field: quantity})


def test_without_quantities_there_are_no_limits() -> None:
    resources = ResourcesSpec().to_resources()

    assert (resources.cpus, resources.memory_bytes) == (None, None)


@pytest.mark.parametrize(
    ("quantity", "expected"),
    [
        ("0", 0),
        ("110", 110),
        ("7910m", 7.91),
        ("32986188Ki", 32986188 << 10),
        ("1e3", 1000),
        ("12E", 12 * 10**18),
        ("1Pi", 1 << 50),
        ("100n", 1e-7),
    ],
)
def test_what_a_node_has_is_read_as_kubernetes_writes_it(quantity: str, expected: float) -> None:
    assert amount_of(quantity) == pytest.approx(expected)
