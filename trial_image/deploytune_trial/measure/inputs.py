"""The inputs that load the server: samples of the evaluation data, or made-up ones."""

from __future__ import annotations

import numpy as np

from deploytune_trial.evaluation_data import EVALUATION_FIELD
from deploytune_trial.models.interface import Array, ModelInterface
from deploytune_trial.models.probing import synthetic_samples
from deploytune_trial.sample_files import SampleFile, Samples

DIFFERENT_REQUESTS = 64
"""How many different requests take turns."""


def choose_batches(
    interface: ModelInterface, path: str | None, request_batch: int, seed: int
) -> list[dict[str, Array]]:
    """Return the inputs of the requests that take turns, the same for the same seed.

    Raises:
        TrialFailure: the evaluation data at `path` cannot be read.
    """
    count = DIFFERENT_REQUESTS * request_batch
    numbers = np.random.default_rng(seed)
    if path is None:
        made_up = Samples(synthetic_samples(interface.inputs, count, seed))
        samples = made_up.rows(numbers.integers(0, count, count))
    else:
        with SampleFile(path, EVALUATION_FIELD, interface) as file:
            samples = file.rows(numbers.integers(0, file.reachable, count))
    return [
        dict(samples.slice(start, start + request_batch).inputs)
        for start in range(0, count, request_batch)
    ]
