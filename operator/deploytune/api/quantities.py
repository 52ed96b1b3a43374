"""Kubernetes quantities: CPUs as cores, memory as bytes; those of a tuning are above zero."""

from __future__ import annotations

import math
from typing import Annotated

from pydantic import Field

_ABOVE_ZERO = r"([0-9]*[1-9][0-9]*(\.[0-9]+)?|[0-9]+\.[0-9]*[1-9][0-9]*)"

CpuQuantity = Annotated[str, Field(max_length=32, pattern=rf"^{_ABOVE_ZERO}m?$")]
MemoryQuantity = Annotated[
    str, Field(max_length=32, pattern=rf"^{_ABOVE_ZERO}(k|M|G|T|Ki|Mi|Gi|Ti)?$")
]

_BYTES = {
    "": 1,
    "k": 1000,
    "M": 1000**2,
    "G": 1000**3,
    "T": 1000**4,
    "Ki": 1024,
    "Mi": 1024**2,
    "Gi": 1024**3,
    "Ti": 1024**4,
}


_OTHER_SUFFIXES = {
    "n": 1e-9,
    "u": 1e-6,
    "m": 1e-3,
    "P": 1000**5,
    "E": 1000**6,
    "Pi": 1024**5,
    "Ei": 1024**6,
}


def amount_of(quantity: str) -> float:
    """Return any quantity that Kubernetes writes, such as `7910m`, `32986188Ki`, `1e3` or `0`.

    Raises:
        ValueError: it is none.
    """
    digits = quantity.rstrip("numkKMGTPEi")
    return float(digits) * {**_BYTES, **_OTHER_SUFFIXES}[quantity[len(digits) :]]


def cores_of(quantity: str) -> float:
    """Return a CPU quantity such as `2`, `0.5` or `500m` as cores."""
    return float(quantity[:-1]) / 1000 if quantity.endswith("m") else float(quantity)


def bytes_of(quantity: str) -> int:
    """Return a memory quantity such as `512Mi` as bytes, rounded up."""
    digits = quantity.rstrip("kKMGTi")
    return math.ceil(float(digits) * _BYTES[quantity[len(digits) :]])
