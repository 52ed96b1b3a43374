"""Trials as real processes with a real Triton; skipped, with the reason, where there is none."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import onnx_builders
import pytest
from trial_processes import TrialProcess

from deploytune.contract.errors import MachineError
from deploytune_trial.triton.installation import Installation, find_triton


@pytest.fixture(scope="session")
def triton() -> Installation:
    try:
        return find_triton()
    except MachineError as error:
        if os.environ.get("DEPLOYTUNE_REQUIRE_TRITON"):
            pytest.fail(str(error))
        pytest.skip(str(error))


@pytest.fixture
def trial(triton: Installation, tmp_path: Path) -> TrialProcess:
    """A trial of a small network, with evaluation data, that a test changes and starts."""
    assert triton.program.exists()
    generator = np.random.default_rng(1)
    inputs = generator.standard_normal((64, onnx_builders.FEATURES)).astype(np.float32)
    labels = generator.integers(0, onnx_builders.CLASSES, 64)
    return TrialProcess(
        folder=tmp_path,
        source=onnx_builders.saved(onnx_builders.an_mlp(), tmp_path),
        evaluation_data=onnx_builders.samples_file(tmp_path, x=inputs, label=labels),
    )
