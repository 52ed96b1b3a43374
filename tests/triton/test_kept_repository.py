"""A repository that a trial has kept is complete: it may be moved and served again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import numpy as np
import onnx_builders
import pytest
from trial_processes import TrialProcess, eventually

from deploytune.contract.outcomes import Cause, OutcomeKind
from deploytune_trial.children import Children
from deploytune_trial.failures import TrialFailure
from deploytune_trial.models.interface import ModelInterface, Tensor
from deploytune_trial.process_tree import process_tree
from deploytune_trial.triton.client import InferenceClient
from deploytune_trial.triton.installation import Installation
from deploytune_trial.triton.ports import find_free_ports
from deploytune_trial.triton.server import ServerSettings, start_server
from deploytune_trial.triton.shared_memory import unlink_shared_memory

pytestmark = pytest.mark.triton

INTERFACE = ModelInterface(
    (Tensor("x", "float32", (onnx_builders.FEATURES,)),),
    (Tensor("scores", "float32", (onnx_builders.CLASSES,)),),
    batched=True,
)


def test_a_kept_repository_is_served_from_another_place(
    trial: TrialProcess, triton: Installation, tmp_path: Path
) -> None:
    trial.variables["DEPLOYTUNE_REPOSITORY"] = str(tmp_path / "kept")
    assert trial.run(parameters={"maxBatchSize": 4}).outcome is OutcomeKind.FEASIBLE
    moved = (tmp_path / "kept").rename(tmp_path / "moved")

    children = Children()
    try:
        server = start_server(server_settings(triton, moved, trial), children)
        client = InferenceClient(server.grpc_address, "net", INTERFACE, timeout_seconds=10)
        outputs = client.infer({"x": np.ones((3, onnx_builders.FEATURES), np.float32)})
        client.close()
    finally:
        children.end_all()
        unlink_shared_memory(trial.prefix)

    assert outputs["scores"].shape == (3, onnx_builders.CLASSES)
    assert np.ptp(outputs["scores"], axis=0).max() < 1e-5
    assert "maxBatchSize: 4" in (moved / "README.md").read_text()


def test_the_trial_runtime_serves_a_kept_repository_behind_the_arguments_of_kserves_runtime(
    trial: TrialProcess, tmp_path: Path
) -> None:
    trial.variables["DEPLOYTUNE_REPOSITORY"] = str(tmp_path / "kept")
    trial.run()
    (tmp_path / "kept" / "triton-arguments").write_text("--id=as-the-repository-asks\n")
    http, grpc = find_free_ports(2, None)
    ports = [f"--http-port={http}", f"--grpc-port={grpc}"]
    of_runtime = ["tritonserver", f"--model-store={tmp_path / 'kept'}", *ports]
    command = [sys.executable, "-m", "deploytune_trial", *of_runtime]
    server = subprocess.Popen(
        [*command, "--serve", str(tmp_path / "kept"), *ports, "--allow-metrics=false"],
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )

    def is_ready() -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{http}/v2/models/net/ready") as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    eventually(is_ready)
    with urllib.request.urlopen(f"http://127.0.0.1:{http}/v2") as answer:
        assert json.load(answer)["name"] == "as-the-repository-asks"
    tritonserver = process_tree(server.pid)[1]
    assert Path(f"/proc/{tritonserver}/cwd").readlink() == Path.cwd()
    os.killpg(server.pid, signal.SIGINT)

    assert server.wait(30) == 0


def test_a_model_that_does_not_load_says_why(
    trial: TrialProcess, triton: Installation, tmp_path: Path
) -> None:
    trial.variables["DEPLOYTUNE_REPOSITORY"] = str(tmp_path / "kept")
    trial.run()
    (tmp_path / "kept" / "net" / "1" / "model.onnx").write_bytes(b"no model at all")

    children = Children()
    try:
        with pytest.raises(
            TrialFailure, match=r"model does not load: .*INVALID_PROTOBUF"
        ) as failed:
            start_server(server_settings(triton, tmp_path / "kept", trial), children)
    finally:
        children.end_all()
        unlink_shared_memory(trial.prefix)

    assert failed.value.cause is Cause.SERVER_FAILED


def test_a_place_that_is_not_writable_is_refused_before_anything_is_built(
    trial: TrialProcess,
) -> None:
    trial.variables["DEPLOYTUNE_REPOSITORY"] = "/proc/nowhere/kept"

    report = trial.run()

    assert report.outcome is OutcomeKind.MISCONFIGURED
    assert "/proc/nowhere: cannot be made" in report.message


def test_a_machine_with_triton_passes_the_check(triton: Installation) -> None:
    assert triton.program.exists()
    assert check(dict(os.environ)).returncode == 0


def test_a_machine_whose_triton_cannot_serve_fails_the_check_in_a_line(tmp_path: Path) -> None:
    program = tmp_path / "bin" / "tritonserver"
    program.parent.mkdir()
    program.touch(0o755)

    ended = check({**os.environ, "PATH": str(program.parent)})

    assert ended.returncode == 2
    assert ended.stderr == f"{program} has no Python backend in its backends folder\n"


def test_a_process_without_a_request_says_so(tmp_path: Path) -> None:
    variables = {**os.environ, "DEPLOYTUNE_TERMINATION_LOG": str(tmp_path / "log")}

    ended = subprocess.run(
        [sys.executable, "-m", "deploytune_trial"],
        env=variables,
        capture_output=True,
        text=True,
        check=False,
    )

    assert ended.returncode == 64
    assert ended.stderr == "DEPLOYTUNE_TRIAL: must be set to a request\n"


def server_settings(triton: Installation, repository: Path, trial: TrialProcess) -> ServerSettings:
    scratch = trial.folder / "again"
    scratch.mkdir()
    return ServerSettings(triton, repository, "net", scratch, None, trial.prefix)


def check(variables: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "deploytune_trial", "--check"],
        env=variables,
        capture_output=True,
        text=True,
        check=False,
    )
