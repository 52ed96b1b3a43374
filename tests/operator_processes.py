"""The operator as a child process, with exactly the rights of its Role, and tunings for it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from builders import a_tuning
from clusters.access import Access
from clusters.kubectl import Kubectl
from clusters.nodes import POOL_LABEL
from clusters.stages import RUNS_FOR
from clusters.waiting import eventually

from deploytune.api.rbac import Installation, operator_objects, release_objects
from deploytune.state.pods.labels import RESULT_FINALIZER

LEASE = "deploytune-operator"
POOL = {
    "name": "one",
    "nodeSelector": {POOL_LABEL: "pool-1"},
    "resources": {"cpu": "100m", "memory": "64Mi"},
}
FOR_EVER = "24h"
STOP_SECONDS = 20.0


class OperatorProcess:
    """One operator; its log is JSON lines in a file."""

    def __init__(self, access: Access, log: Path, *arguments: str) -> None:
        self.access = access
        self.log = log
        self._command = operator_command(access, *arguments)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it; its log goes on."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=_variables()
            )

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def stop(self) -> int:
        """Send SIGTERM and return the exit code."""
        return self.end(signal.SIGTERM)

    def end(self, number: signal.Signals) -> int:
        assert self._process is not None
        self._process.send_signal(number)
        return self._process.wait(STOP_SECONDS)

    def wait(self) -> int:
        """Wait until it ends by itself."""
        assert self._process is not None
        return self._process.wait(STOP_SECONDS)


def operator_command(access: Access, *arguments: str) -> list[str]:
    place = ("--kubeconfig", str(access.kubeconfig), "--context", access.context)
    return [sys.executable, "-m", "deploytune.cli", "operator", *place, *arguments]


def run_to_its_end(access: Access, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run an operator that is to end by itself."""
    return subprocess.run(
        operator_command(access, *arguments),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=_variables(),
    )


@contextmanager
def an_operator(
    cluster: Access,
    folder: Path,
    *watched: str,
    name: str = "operator",
    home: str | None = None,
    arguments: Sequence[str] = (),
) -> Iterator[OperatorProcess]:
    """Run an operator on some namespaces; its account and Lease are in the first, or in `home`."""
    home = home or watched[0]
    access = an_account(cluster, folder, Installation(name, home, watched))
    log = folder / f"{name}.log"
    with an_operator_as(access, log, *watched, home=home, arguments=arguments) as process:
        yield process


@contextmanager
def an_operator_as(
    access: Access, log: Path, *watched: str, home: str, arguments: Sequence[str] = ()
) -> Iterator[OperatorProcess]:
    """Run an operator on some namespaces by an access that has its rights."""
    namespaces = [word for namespace in watched for word in ("--namespace", namespace)]
    options = (*namespaces, "--lease-namespace", home, *arguments)
    process = OperatorProcess(access, log, *options)
    process.start()
    try:
        yield process
    finally:
        if process.is_running:
            process.end(signal.SIGKILL)


def an_account(cluster: Access, folder: Path, installation: Installation) -> Access:
    """Make a service account with exactly the rights of an operator."""
    return _account_of(cluster, folder, installation, operator_objects(installation))


def release_pods(
    cluster: Access, folder: Path, home: str, *watched: str
) -> subprocess.CompletedProcess[str]:
    """Clean up after an operator whose Lease is in `home`, with the rights for that and no more."""
    installation = Installation("release", home, watched)
    access = _account_of(cluster, folder, installation, release_objects(installation))
    namespaces = [word for namespace in watched for word in ("--namespace", namespace)]
    return run_to_its_end(access, "--release-pods", "--lease-namespace", home, *namespaces)


def _account_of(
    cluster: Access,
    folder: Path,
    installation: Installation,
    objects: Iterable[Mapping[str, Any]],
) -> Access:
    by_namespace: dict[str, list[Mapping[str, Any]]] = {}
    for each in objects:
        by_namespace.setdefault(each["metadata"].get("namespace", "default"), []).append(each)
    for namespace, together in by_namespace.items():
        cluster.kubectl.within(namespace).apply(*together)
    return cluster.as_service_account(installation.namespace, installation.name, folder)


def a_document(
    name: str = "tune",
    *,
    runs_for: str | None = None,
    spec: Mapping[str, Any] | None = None,
    **changes: Any,
) -> dict[str, Any]:
    """A tuning for pretended nodes, as a user applies it; its Pods end soon, or after `runs_for`.

    `changes` are the builder's, `spec` replaces whole fields of the document.
    """
    annotations = {} if runs_for is None else {RUNS_FOR: runs_for}
    trial = {"image": "localhost/trial:1", "podTemplate": {"annotations": annotations}}
    options: Mapping[str, Any] = {"max_trials": 4, "confirmations": 1, "pools": [POOL], **changes}
    tuning = a_tuning(name=name, trial=trial, **options)
    document = tuning.model_dump(mode="json", by_alias=True, exclude_none=True)
    return {**document, "metadata": {"name": name}, "spec": {**document["spec"], **(spec or {})}}


def condition(kubectl: Kubectl, kind: str, name: str = "tune") -> tuple[str, str]:
    """Return a condition's status and reason, empty while it is not said."""
    tuning = kubectl.get("deploymenttuning", name) or {}
    for one in tuning.get("status", {}).get("conditions", ()):
        if one["type"] == kind:
            return one["status"], one["reason"]
    return "", ""


def until_finished(kubectl: Kubectl, name: str = "tune", seconds: float = 60.0) -> dict[str, Any]:
    """Wait for the end of a tuning, and return it."""
    kubectl.wait(f"deploymenttuning/{name}", "condition=Finished", seconds)
    tuning = kubectl.get("deploymenttuning", name)
    assert tuning is not None
    return tuning


def until_running(kubectl: Kubectl) -> dict[str, Any]:
    """Wait for a trial Pod that runs, and return it."""
    return eventually(lambda: next(iter(running_pods(kubectl)), None), "a trial Pod that runs")


def running_pods(kubectl: Kubectl) -> list[dict[str, Any]]:
    return [pod for pod in kubectl.items("pods") if pod["status"].get("phase") == "Running"]


def held_pods(kubectl: Kubectl) -> list[str]:
    """Return the Pods that carry our finalizer."""
    held = [pod["metadata"] for pod in kubectl.items("pods")]
    return [each["name"] for each in held if RESULT_FINALIZER in each.get("finalizers", ())]


def _variables() -> dict[str, str]:
    return {**os.environ, "PYTHONUNBUFFERED": "1"}
