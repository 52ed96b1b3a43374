"""Trials as real processes with a real Triton; skipped, with the reason, where there is none."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from trial_processes import TrialProcess, a_trial_of_an_mlp

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
    return a_trial_of_an_mlp(tmp_path)
