from __future__ import annotations

from pathlib import Path

import pytest

from deploytune.contract.errors import TrialContractError
from deploytune_trial.environment import TrialEnvironment


def test_what_is_not_said_has_a_default() -> None:
    environment = TrialEnvironment.read({"DEPLOYTUNE_TRIAL": "{}"})
    environment.scratch.rmdir()

    assert environment.termination_log == Path("/dev/termination-log")
    assert environment.owns_scratch
    assert environment.measure_lock is None
    assert environment.ports is None
    assert environment.repository is None


def test_what_is_said_is_used(tmp_path: Path) -> None:
    environment = TrialEnvironment.read(
        {
            "DEPLOYTUNE_TRIAL": "{}",
            "DEPLOYTUNE_SCRATCH": str(tmp_path),
            "DEPLOYTUNE_PORTS": "7000-7009",
            "DEPLOYTUNE_SHM_PREFIX": "mine",
        }
    )

    assert environment.scratch == tmp_path
    assert not environment.owns_scratch
    assert environment.ports == range(7000, 7010)
    assert environment.shared_memory_prefix == "mine"


@pytest.mark.parametrize("ports", ["7000", "7009-7000", "0-5", "a-b", "1-70000"])
def test_ports_must_be_a_range(ports: str) -> None:
    with pytest.raises(TrialContractError, match="DEPLOYTUNE_PORTS: must be FIRST-LAST"):
        TrialEnvironment.read({"DEPLOYTUNE_TRIAL": "{}", "DEPLOYTUNE_PORTS": ports})


def test_a_request_must_be_there() -> None:
    with pytest.raises(TrialContractError, match="DEPLOYTUNE_TRIAL: must be set"):
        TrialEnvironment.read({})


def test_the_artefact_cache_has_a_limit_even_if_none_is_given(tmp_path: Path) -> None:
    said = {"DEPLOYTUNE_TRIAL": "{}", "DEPLOYTUNE_SCRATCH": str(tmp_path)}
    assert TrialEnvironment.read(said).artefact_cache is None

    environment = TrialEnvironment.read({**said, "DEPLOYTUNE_ARTEFACT_CACHE": "/artefacts"})

    assert environment.artefact_cache == Path("/artefacts")
    assert environment.artefact_cache_bytes == 10 * 2**30


def test_the_limit_of_the_cache_must_be_a_number(tmp_path: Path) -> None:
    said = {"DEPLOYTUNE_SCRATCH": str(tmp_path), "DEPLOYTUNE_ARTEFACT_CACHE_BYTES": "10Gi"}
    with pytest.raises(TrialContractError, match="CACHE_BYTES: must be a number of bytes"):
        TrialEnvironment.read({"DEPLOYTUNE_TRIAL": "{}", **said})
