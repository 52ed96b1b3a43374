"""The state directory: whole files, one run at a time, one tuning."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from builders import a_finished_trial, a_trial, a_tuning

from deploytune.api.tuning import DeploymentTuning, TuningStatus
from deploytune.contract.errors import DeploytuneError, InvalidTuningError, MachineError
from deploytune.runtime.local.state_directory import Records, StateDirectory


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "some" / "state"


def _refusal(path: Path, tuning: DeploymentTuning) -> DeploytuneError:
    with pytest.raises(DeploytuneError) as caught:
        StateDirectory.open(path, tuning).close()
    assert "\n" not in str(caught.value)
    return caught.value


def _keep(path: Path, tuning: DeploymentTuning) -> None:
    StateDirectory.open(path, tuning).close()


def test_records_outlive_the_run(path: Path) -> None:
    first = StateDirectory.open(path, a_tuning())
    first.write_trial(a_trial(1))
    first.write_trial(a_finished_trial(0))
    first.write_status(TuningStatus(trials=2))
    first.close()
    second = StateDirectory.open(path, a_tuning())
    assert (a_finished_trial(0), a_trial(1)) == second.trials()
    assert TuningStatus(trials=2) == second.status()
    second.close()


def test_records_may_be_read_while_a_run_writes_them(path: Path) -> None:
    directory = StateDirectory.open(path, a_tuning())
    directory.write_trial(a_trial(0))
    records = Records(path)
    assert (a_tuning(), a_trial(0), None) == (
        records.tuning(),
        records.trial("tune-0"),
        records.trial("tune-1"),
    )
    directory.close()


def test_reading_records_makes_nothing(path: Path) -> None:
    assert None is Records(path).tuning()
    assert None is Records(path).trial("tune-0")
    assert not path.exists()


def test_a_second_run_is_refused(path: Path) -> None:
    first = StateDirectory.open(path, a_tuning())
    error = _refusal(path, a_tuning())
    first.close()
    assert isinstance(error, MachineError)
    assert "in use by another run" in str(error)
    _keep(path, a_tuning())


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"name": "other"}, "metadata.name"),
        ({"memory_max": 100.0}, "spec.constraints"),
        ({"seed": 2}, "spec.algorithm"),
        ({"resources": {"memory": "1Gi"}}, "spec.nodePools"),
    ],
)
def test_the_state_of_another_tuning_is_refused(
    path: Path, changes: dict[str, Any], named: str
) -> None:
    _keep(path, a_tuning())
    error = _refusal(path, a_tuning(**changes))
    assert isinstance(error, InvalidTuningError)
    assert named in str(error)


@pytest.mark.parametrize(
    "changes",
    [
        {"parallel_trials": 2},
        {"max_trials": 99, "confirmations": 0},
        {"run_deadline_seconds": 5.0},
        {"infra_retries": 7},
        {"pools": [{"name": "local", "nodeSelector": {"zone": "b"}}]},
    ],
    ids=["parallel trials", "budget", "deadlines", "retries", "where Pods go"],
)
def test_what_may_change_is_taken_over(path: Path, changes: dict[str, Any]) -> None:
    _keep(path, a_tuning())
    _keep(path, a_tuning(**changes))
    kept = DeploymentTuning.model_validate_json((path / "tuning.json").read_bytes())
    assert a_tuning(**changes).spec == kept.spec


def test_the_state_of_an_older_version_is_taken_over(path: Path) -> None:
    """Older ones wrote the tolerations that were the default then."""
    old = {"name": "local", "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists"}]}
    _keep(path, a_tuning(pools=[old]))
    _keep(path, a_tuning())


def test_a_folder_with_something_else_is_refused(path: Path) -> None:
    path.mkdir(parents=True)
    (path / "thesis.txt").touch()
    error = _refusal(path, a_tuning())
    assert "'thesis.txt'" in str(error)
    assert [path / "thesis.txt"] == list(path.iterdir())


def test_a_file_in_its_place_is_refused(path: Path) -> None:
    path.parent.mkdir()
    path.touch()
    assert "must be a writable folder" in str(_refusal(path, a_tuning()))


@pytest.mark.skipif(not Path("/proc/version").exists(), reason="needs a folder nobody can write")
def test_an_unwritable_place_is_refused() -> None:
    error = _refusal(Path("/proc/deploytune/state"), a_tuning())
    assert isinstance(error, MachineError)
    assert "must be a writable folder" in str(error)


def test_what_an_interrupted_writer_left_is_ignored(path: Path) -> None:
    path.mkdir(parents=True)
    (path / ".writing-tuning.json").write_bytes(b'{"half')
    directory = StateDirectory.open(path, a_tuning())
    directory.write_trial(a_trial(0))
    (path / "trials" / ".writing-tune-1.json").write_bytes(b"\x00garbage")
    assert (a_trial(0),) == directory.trials()
    directory.close()


def test_a_damaged_record_is_named(path: Path) -> None:
    directory = StateDirectory.open(path, a_tuning())
    (path / "trials" / "tune-3.json").write_bytes(b"{}")
    with pytest.raises(MachineError, match=r"tune-3\.json is damaged"):
        directory.trials()
    directory.close()


def test_a_disk_that_fails_is_one_line(path: Path) -> None:
    directory = StateDirectory.open(path, a_tuning())
    (path / "trials").rmdir()
    with pytest.raises(MachineError, match="cannot be written"):
        directory.write_trial(a_trial(0))
    directory.close()
