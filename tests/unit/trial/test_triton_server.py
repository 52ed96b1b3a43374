from __future__ import annotations

import os
import socket
import sys
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from deploytune.contract.errors import MachineError
from deploytune_trial.children import Children
from deploytune_trial.failures import TrialFailure
from deploytune_trial.triton.installation import Installation, find_triton
from deploytune_trial.triton.ports import LOOPBACK, find_free_ports
from deploytune_trial.triton.server import Counters, ServerSettings, TritonServer, command_of
from deploytune_trial.triton.shared_memory import unlink_shared_memory

UUID = "fffbaaf3-5c47-4240-ae8e-9e81d521dabf"


def test_counters_are_compared_with_an_earlier_reading() -> None:
    assert Counters(20, 1, 40, 10).since(Counters(9, 1, 9, 2)) == Counters(11, 0, 31, 8)


def test_free_ports_differ() -> None:
    assert len(set(find_free_ports(5, None))) == 5


def test_a_port_that_is_taken_is_not_chosen() -> None:
    with socket.create_server((LOOPBACK, 0)) as taken:
        port = taken.getsockname()[1]

        with pytest.raises(MachineError, match=f"ports {port}-{port}: 1 free ones are needed"):
            find_free_ports(1, range(port, port + 1))


def test_only_the_regions_of_a_prefix_are_unlinked(tmp_path: Path) -> None:
    ours, others, strange = f"a{UUID}", f"a1{UUID}", "a-file"
    for name in (ours, others, strange):
        (tmp_path / name).touch()

    unlink_shared_memory("a", tmp_path)

    assert {path.name for path in tmp_path.iterdir()} == {others, strange}


def test_the_programs_own_python_comes_first_on_path() -> None:
    installation = Installation(Path("/t/bin/tritonserver"), Path("/t/backends"))

    variables = installation.environment({"PATH": "/usr/bin"})

    assert variables == {"PATH": f"{Path(sys.executable).parent}:/usr/bin"}


def test_the_wheels_libraries_come_first(tmp_path: Path) -> None:
    installation = Installation(
        tmp_path, tmp_path, wheel_stub=tmp_path / "stub", wheel_libraries=tmp_path / "libs"
    )

    libraries = installation.environment({"LD_LIBRARY_PATH": "/mine"})["LD_LIBRARY_PATH"]

    assert libraries.split(":")[:2] == [str(tmp_path / "libs"), "/mine"]


def test_the_wheels_backends_are_put_together_elsewhere(tmp_path: Path) -> None:
    wheel = tmp_path / "wheel"
    for part in ("backends/python/libtriton_python.so", "stubs/stub"):
        (wheel / part).parent.mkdir(parents=True)
        (wheel / part).touch()
    installation = Installation(
        wheel / "tritonserver", wheel / "backends", wheel_stub=wheel / "stubs" / "stub"
    )

    backends = installation.assemble_backends(tmp_path / "scratch")
    assert installation.assemble_backends(tmp_path / "scratch") == backends

    assert {part.name for part in (backends / "python").iterdir()} == {
        "libtriton_python.so",
        "stub",
    }
    assert not (wheel / "backends" / "python" / "stub").exists()


def test_a_triton_on_path_is_taken_with_the_backends_beside_it(tmp_path: Path) -> None:
    program = tmp_path / "bin" / "tritonserver"
    stub = tmp_path / "backends" / "python" / "triton_python_backend_stub"
    for file in (program, stub):
        file.parent.mkdir(parents=True)
        file.touch(0o755)
    (tmp_path / "backends" / "onnxruntime").mkdir()

    found = find_triton({"PATH": str(program.parent)})

    assert found == Installation(program, tmp_path / "backends")
    assert found.installed_backends() == {"onnxruntime", "python"}


def test_a_triton_without_a_python_backend_is_refused(tmp_path: Path) -> None:
    program = tmp_path / "bin" / "tritonserver"
    program.parent.mkdir()
    program.touch(0o755)

    with pytest.raises(MachineError, match="has no Python backend"):
        find_triton({"PATH": str(program.parent)})


def test_a_server_is_started_with_the_arguments_that_its_repository_needs(tmp_path: Path) -> None:
    (tmp_path / "triton-arguments").write_text("--one=1\n--two\n")
    installation = Installation(Path("/t/bin/tritonserver"), Path("/t/backends"))
    settings = ServerSettings(installation, tmp_path, "net", tmp_path, None, "ours")

    assert command_of(settings, Path("/t/backends"), 1, 2)[-2:] == ["--one=1", "--two"]


class _AnotherTriton(BaseHTTPRequestHandler):
    """A server that is ready and has a name of its own."""

    def do_GET(self) -> None:
        body = b'{"name": "another"}' if self.path == "/v2" else b""
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_words: object) -> None:
        """Stay silent."""


def test_a_server_that_took_the_port_just_before_is_not_taken_for_ours(tmp_path: Path) -> None:
    children = Children()
    child = children.start([sys.executable, "-c", ""], tmp_path / "triton.log", os.environ)
    with ThreadingHTTPServer((LOOPBACK, 0), _AnotherTriton) as another:
        threading.Thread(target=another.serve_forever, daemon=True).start()
        server = TritonServer(child, "ours", "net", another.server_port, another.server_port)
        with pytest.raises(TrialFailure, match="tritonserver"):
            server.wait_until_ready()
        another.shutdown()
    children.end_all()
