"""Find out by one small run what a model's declaration leaves open.

An open first axis is a promise that the model takes any batch; the run at two samples keeps it to
that, and shows the rank of outputs that declare none. Integers may be indices into a table, and
zero and one nearly always exist; floats are drawn from a seeded normal distribution.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from deploytune_trial.models.interface import Array, Arrays, Tensor

PROBE_BATCH = 2
_SEED = 20_260


def synthetic_samples(inputs: Sequence[Tensor], count: int, seed: int = _SEED) -> Arrays:
    """Return made-up samples for a model without evaluation data; equal seeds give equal ones."""
    generator = np.random.default_rng(seed)
    return {
        tensor.name: _draw(generator, (count, *tensor.shape), np.dtype(tensor.dtype))
        for tensor in inputs
    }


def why_no_batch(outputs: Arrays, batch: int | None) -> str | None:
    """Return what is wrong with the first axis of the outputs at that batch, or None.

    Without a batch any first axis will do, but there must be one.
    """
    for name, values in outputs.items():
        if batch is None and values.ndim == 0:
            return f"output {name!r} must have an axis, got a single number"
        if batch is not None and (values.ndim == 0 or values.shape[0] != batch):
            return (
                f"output {name!r} must have the batch as its first axis, got the shape "
                f"{list(values.shape)} for {batch} samples"
            )
    return None


def _draw(generator: np.random.Generator, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    if dtype.kind == "f":
        return generator.standard_normal(shape).astype(dtype)
    return generator.integers(0, 2, shape).astype(dtype)
