"""The inputs that load the server: samples of the evaluation data, or made-up ones."""

from __future__ import annotations

import numpy as np

from deploytune_trial.models.interface import Array, Arrays, ModelInterface
from deploytune_trial.models.probing import synthetic_samples

DIFFERENT_REQUESTS = 64
"""How many different requests take turns."""


def choose_batches(
    interface: ModelInterface, samples: Arrays | None, request_batch: int, seed: int
) -> list[dict[str, Array]]:
    """Return the inputs of the requests that take turns, the same for the same seed."""
    count = DIFFERENT_REQUESTS * request_batch
    if samples is None:
        samples = synthetic_samples(interface.inputs, count, seed)
    available = len(samples[interface.inputs[0].name])
    chosen = np.random.default_rng(seed).integers(0, available, count)
    return [
        {name: values[rows] for name, values in samples.items()}
        for rows in chosen.reshape(DIFFERENT_REQUESTS, request_batch)
    ]
