from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from onnx_builders import a_model_request, an_mlp, saved

from deploytune.contract.codec import encode_request
from deploytune.contract.outcomes import Cause, OutcomeKind
from deploytune.contract.request import TrialRequest
from deploytune_trial.build.artefacts import write_artefact
from deploytune_trial.build.building import Artefact, build, read_build_result
from deploytune_trial.failures import TrialFailure, failing_as
from deploytune_trial.models.loading import load_model


def build_in_a_process(request: TrialRequest, scratch: Path) -> Path:
    request_file = scratch / "request.json"
    request_file.write_text(encode_request(request))
    folder = scratch / "build"
    command = [sys.executable, "-m", "deploytune_trial.build", str(request_file), str(folder)]
    subprocess.run(command, check=True, capture_output=True)
    return folder


def test_a_build_leaves_an_artefact(tmp_path: Path) -> None:
    request = a_model_request(saved(an_mlp(), tmp_path), {"precision": "fp16"})
    artefact = read_build_result(build_in_a_process(request, tmp_path))
    assert artefact.settings["precision"] == "fp16"
    assert artefact.files["model.onnx"].stat().st_size == artefact.size_bytes


def test_a_build_leaves_its_failure(tmp_path: Path) -> None:
    request = a_model_request(saved(an_mlp(), tmp_path), {"precision": "bf16"})
    folder = build_in_a_process(request, tmp_path)
    with pytest.raises(TrialFailure, match="bf16 of net") as raised:
        read_build_result(folder)
    assert raised.value.outcome is OutcomeKind.CRASHED
    assert raised.value.cause is Cause.UNSUPPORTED


def test_an_artefact_is_read_as_it_was_written(tmp_path: Path) -> None:
    request = a_model_request(saved(an_mlp(), tmp_path))
    artefact = build(request, load_model(request), tmp_path)
    write_artefact(tmp_path, artefact)
    read: Artefact = read_build_result(tmp_path)
    assert artefact == read


def test_a_folder_without_a_result_belongs_to_a_build_that_died(tmp_path: Path) -> None:
    with pytest.raises(TrialFailure, match="the build ended without a result") as raised:
        read_build_result(tmp_path)
    assert raised.value.cause is Cause.BUILD_FAILED


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        pytest.param(ValueError("no\n such  axis"), Cause.BUILD_FAILED, id="any other"),
        pytest.param(MemoryError(), Cause.OUT_OF_MEMORY, id="memory in Python"),
        pytest.param(RuntimeError("std::bad_alloc"), Cause.OUT_OF_MEMORY, id="memory in C++"),
        pytest.param(OSError(28, "No space left"), Cause.DISK_FULL, id="disk"),
    ],
)
def test_what_a_library_raises_is_a_crash_with_its_cause(error: Exception, expected: Cause) -> None:
    with pytest.raises(TrialFailure) as raised, failing_as(Cause.BUILD_FAILED, "fp16 of net"):
        raise error
    assert expected is raised.value.cause
    assert raised.value.message.startswith("fp16 of net: ")
    assert "\n" not in raised.value.message


def test_a_failure_keeps_its_own_cause() -> None:
    failure = TrialFailure(OutcomeKind.CRASHED, Cause.WRONG_OUTPUT, "output 'y' is missing")
    with pytest.raises(TrialFailure) as raised, failing_as(Cause.BUILD_FAILED, "fp16 of net"):
        raise failure
    assert failure is raised.value
