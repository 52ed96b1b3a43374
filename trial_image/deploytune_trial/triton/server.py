"""Triton as a process: started on loopback ports, awaited, asked for its counters.

Ready is polled together with the process, because a server whose stub cannot start never gets
ready and never ends either; the serve stage's own deadline ends that. After the kernel has killed a
stub for memory the server takes a second and more for each that is left before it gives up: such a
death is looked for here. A model that does not load
leaves the server alive and says why in the repository index. The complete configuration makes
Triton's auto-completion needless; without it the server is ready a second earlier.
"""

from __future__ import annotations

import http.client
import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploytune.contract.outcomes import Cause
from deploytune_trial.children import Child, Children, failure_of_exit
from deploytune_trial.failures import TrialFailure, crashed, failure_in_words
from deploytune_trial.process_tree import has_dead_member
from deploytune_trial.triton.installation import Installation
from deploytune_trial.triton.ports import LOOPBACK, PORTS_NEEDED, find_free_ports
from deploytune_trial.triton.repository import server_arguments

_POLL_SECONDS = 0.01
_HTTP_TIMEOUT_SECONDS = 10
_ENDING_POLLS = 20
_PORT_ATTEMPTS = 3
_PORT_TAKEN = "already in use"


@dataclass(frozen=True)
class ServerSettings:
    """What a server is started with."""

    installation: Installation
    repository: Path
    model: str
    scratch: Path
    ports: range | None
    shared_memory_prefix: str
    working_directory: Path | None = None


@dataclass(frozen=True)
class Counters:
    """Triton's own counts: requests answered and failed, inferences, executions of the model."""

    requests: int
    failures: int
    inferences: int
    executions: int

    def since(self, earlier: Counters) -> Counters:
        """Return what was counted after an earlier reading."""
        return Counters(
            self.requests - earlier.requests,
            self.failures - earlier.failures,
            self.inferences - earlier.inferences,
            self.executions - earlier.executions,
        )


class TritonServer:
    """A running server with one model."""

    def __init__(self, child: Child, name: str, model: str, http_port: int, grpc_port: int) -> None:
        """Speak to the server that `child` is, by the name it was started under."""
        self.child = child
        self._name = name
        self.grpc_address = f"{LOOPBACK}:{grpc_port}"
        self._model = model
        self._http_port = http_port

    def wait_until_ready(self, memory_ran_out: Callable[[], bool] = lambda: False) -> None:
        """Return when the model can be asked; `memory_ran_out` tells of kills by the kernel.

        Raises:
            TrialFailure: the server has ended, the model does not load, or memory ran out.
        """
        while True:
            self.check_alive()
            if memory_ran_out() and has_dead_member(self.child.pid):
                raise crashed(Cause.OUT_OF_MEMORY, "a process of tritonserver died while loading")
            status = self._status("GET", "/v2/health/ready")
            if status is not None and self._is_ours():
                if status == http.client.OK:
                    return
                if reason := self._why_unavailable():
                    raise failure_in_words(Cause.SERVER_FAILED, f"model does not load: {reason}")
            time.sleep(_POLL_SECONDS)

    def check_alive(self) -> None:
        """Raise if the process has ended.

        Raises:
            TrialFailure: it has.
        """
        code = self.child.exit_code()
        if code is not None:
            raise failure_of_exit(
                "tritonserver", code, Cause.SERVER_FAILED, self.child.last_words()
            )

    def explain(self, failure: TrialFailure) -> TrialFailure:
        """Return why a request failed: because the process ended, if it did just then."""
        for _ in range(_ENDING_POLLS):
            try:
                self.check_alive()
            except TrialFailure as end:
                return end
            time.sleep(_POLL_SECONDS)
        return failure

    def counters(self) -> Counters:
        """Return Triton's counts since its start, its warm-up requests included."""
        answer = self._ask("GET", f"/v2/models/{self._model}/stats")
        stats = answer["model_stats"][0]
        return Counters(
            requests=stats["inference_stats"]["success"]["count"],
            failures=stats["inference_stats"]["fail"]["count"],
            inferences=stats["inference_count"],
            executions=stats["execution_count"],
        )

    def version(self) -> str:
        """Return Triton's version."""
        return str(self._ask("GET", "/v2")["version"])

    def _is_ours(self) -> bool:
        """Tell whether this server answers at its port: another may have taken it just before."""
        return bool(self._ask("GET", "/v2")["name"] == self._name)

    def _why_unavailable(self) -> str | None:
        models = self._ask("POST", "/v2/repository/index")
        reasons = [model.get("reason", "") for model in models if model["name"] == self._model]
        states = [model.get("state") for model in models if model["name"] == self._model]
        if "UNAVAILABLE" not in states:
            return None
        return " ".join(" ".join(reasons).split()) or "no reason given"

    def _status(self, method: str, path: str) -> int | None:
        try:
            return self._request(method, path)[0]
        except OSError:  # not listening yet
            return None

    def _ask(self, method: str, path: str) -> Any:
        try:
            status, body = self._request(method, path)
        except OSError as error:
            self.check_alive()
            raise crashed(Cause.SERVER_FAILED, f"tritonserver: {error}") from error
        if status != http.client.OK:
            raise crashed(Cause.SERVER_FAILED, f"tritonserver: {path} gave {status}")
        return json.loads(body)

    def _request(self, method: str, path: str) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection(
            LOOPBACK, self._http_port, timeout=_HTTP_TIMEOUT_SECONDS
        )
        try:
            connection.request(method, path)
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()


def start_server(
    settings: ServerSettings,
    children: Children,
    memory_ran_out: Callable[[], bool] = lambda: False,
) -> TritonServer:
    """Start a server and wait until it is ready; another process may snatch a port meanwhile.

    Raises:
        TrialFailure: the server has ended, the model does not load, or memory ran out.
        MachineError: no free port.
    """
    for _ in range(_PORT_ATTEMPTS - 1):
        server = launch_server(settings, children)
        try:
            server.wait_until_ready(memory_ran_out)
        except TrialFailure as failure:
            if _PORT_TAKEN not in failure.message:
                raise
        else:
            return server
    server = launch_server(settings, children)
    server.wait_until_ready(memory_ran_out)
    return server


def launch_server(settings: ServerSettings, children: Children) -> TritonServer:
    """Start a server and return at once."""
    http_port, grpc_port = find_free_ports(PORTS_NEEDED, settings.ports)
    backends = settings.installation.assemble_backends(settings.scratch / "backends")
    command = command_of(settings, backends, http_port, grpc_port)
    environment = settings.installation.environment(os.environ)
    log, folder = settings.scratch / "triton.log", settings.working_directory
    child = children.start(command, log, environment, folder)
    name = settings.shared_memory_prefix
    return TritonServer(child, name, settings.model, http_port, grpc_port)


def command_of(
    settings: ServerSettings, backends: Path, http_port: int, grpc_port: int
) -> list[str]:
    """Return the command line of a server."""
    return [
        str(settings.installation.program),
        f"--model-repository={settings.repository}",
        f"--backend-directory={backends}",
        "--model-control-mode=explicit",
        f"--load-model={settings.model}",
        "--exit-on-error=false",
        f"--id={settings.shared_memory_prefix}",
        "--disable-auto-complete-config",
        f"--http-address={LOOPBACK}",
        f"--http-port={http_port}",
        f"--grpc-address={LOOPBACK}",
        f"--grpc-port={grpc_port}",
        "--allow-metrics=false",
        f"--backend-config=python,shm-region-prefix-name={settings.shared_memory_prefix}",
        *server_arguments(settings.repository),
    ]
