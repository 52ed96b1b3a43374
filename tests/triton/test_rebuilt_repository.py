"""What a trial served can be built again from its request alone, and served where it is needed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import onnx_builders
import pytest
from trial_builders import a_request
from trial_processes import TrialProcess, eventually

from deploytune.contract.codec import encode_request
from deploytune_trial.triton.ports import find_free_ports

pytestmark = pytest.mark.triton

PROGRAM = (sys.executable, "-m", "deploytune_trial")


def rebuilt(trial: TrialProcess, place: Path, **request: Any) -> subprocess.CompletedProcess[str]:
    """Build the repository of the trial's request in `place`."""
    asked = a_request(workload=trial.workload, **request)
    variables = {"DEPLOYTUNE_TRIAL": encode_request(asked), "DEPLOYTUNE_SHM_PREFIX": trial.prefix}
    return subprocess.run(
        [*PROGRAM, "--repository", str(place)],
        env={**os.environ, "DEPLOYTUNE_SCRATCH": str(trial.scratch), **variables},
        cwd=trial.folder,
        capture_output=True,
        text=True,
        check=False,
    )


@contextmanager
def served(repository: Path) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """Serve a repository with the trial's own program; yields the process and its address."""
    http, grpc = find_free_ports(2, None)
    server = subprocess.Popen(
        [*PROGRAM, "--serve", str(repository), f"--http-port={http}", f"--grpc-port={grpc}",
         "--http-address=0.0.0.0", "--allow-metrics=false"],
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    address = f"http://127.0.0.1:{http}"

    def is_ready() -> bool:
        assert server.poll() is None
        with suppress(OSError), urllib.request.urlopen(f"{address}/v2/health/ready") as answer:
            return bool(answer.status == 200)
        return False

    try:
        eventually(is_ready)
        yield server, address
    finally:
        server.terminate()  # killed, it would leave its Triton running
        server.wait(30)


def test_it_is_what_the_trial_served_and_it_answers(trial: TrialProcess, tmp_path: Path) -> None:
    trial.variables["DEPLOYTUNE_REPOSITORY"] = str(tmp_path / "kept")
    trial.run(parameters={"maxBatchSize": 4, "instances": 2})
    measured = (tmp_path / "kept" / "net" / "config.pbtxt").read_text()

    ended = rebuilt(trial, tmp_path / "again", parameters={"maxBatchSize": 4, "instances": 2})

    assert (0, "Load\nBuild\nServe\nReport\n") == (ended.returncode, ended.stderr)
    assert measured == (tmp_path / "again" / "net" / "config.pbtxt").read_text()
    with served(tmp_path / "again") as (_, address):
        sample = {
            "name": "x",
            "shape": [1, onnx_builders.FEATURES],
            "datatype": "FP32",
            "data": [1.0] * onnx_builders.FEATURES,
        }
        asked = urllib.request.Request(
            f"{address}/v2/models/net/infer", json.dumps({"inputs": [sample]}).encode()
        )
        with urllib.request.urlopen(asked) as answer:
            (output,) = json.load(answer)["outputs"]
    assert ("scores", [1, onnx_builders.CLASSES]) == (output["name"], output["shape"])


def test_nothing_of_it_is_left_beside_the_repository(trial: TrialProcess, tmp_path: Path) -> None:
    place = tmp_path / "volume" / "net"
    assert 0 == rebuilt(trial, place).returncode
    assert ["net"] == [path.name for path in place.parent.iterdir()]
    assert [] == trial.shared_memory()


def test_what_cannot_be_built_is_a_line_and_no_repository(
    trial: TrialProcess, tmp_path: Path
) -> None:
    trial.workload["models"] = [{"name": "net", "source": "gone.onnx"}]
    ended = rebuilt(trial, tmp_path / "again")
    *stages, line = ended.stderr.splitlines()
    assert (2, ["Load"]) == (ended.returncode, stages)
    assert line.startswith("Misconfigured/BadWorkload in Load: ")
    assert "gone.onnx" in line
    assert not (tmp_path / "again").exists()


def test_a_server_of_a_container_heeds_sigterm(trial: TrialProcess, tmp_path: Path) -> None:
    """As its first process it would not by default."""
    rebuilt(trial, tmp_path / "again")
    with served(tmp_path / "again") as (server, _):
        server.send_signal(signal.SIGTERM)
        assert 0 == server.wait(30)
