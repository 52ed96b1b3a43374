"""Runs kubectl against one cluster: as users do, and as the plainest of all clients."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

TIMEOUT_SECONDS = 90.0
# It lives for a moment, thousands of times: a third of its work would be collecting garbage.
UNCOLLECTED = {"GOGC": "off", "GOMEMLIMIT": "256MiB"}


class KubectlError(AssertionError):
    """kubectl refused, or the API server did; the message is its own."""


@dataclass(frozen=True)
class Kubectl:
    """kubectl with its kubeconfig, context and namespace."""

    program: Path
    kubeconfig: Path
    context: str
    namespace: str = "default"

    def within(self, namespace: str) -> Kubectl:
        """Return the same for another namespace."""
        return replace(self, namespace=namespace)

    def attempt(
        self, *arguments: str, document: str | None = None, seconds: float = TIMEOUT_SECONDS
    ) -> subprocess.CompletedProcess[str]:
        """Run it and return how it ended, whatever that is."""
        access = ("--kubeconfig", self.kubeconfig, "--context", self.context)
        return subprocess.run(
            [self.program, *access, "--namespace", self.namespace, *arguments],
            env={**os.environ, **UNCOLLECTED},
            input=document or "",
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )

    def run(
        self, *arguments: str, document: str | None = None, seconds: float = TIMEOUT_SECONDS
    ) -> str:
        """Run it and return what it printed.

        Raises:
            KubectlError: It did not end with 0.
        """
        done = self.attempt(*arguments, document=document, seconds=seconds)
        if done.returncode != 0:
            raise KubectlError(f"kubectl {' '.join(arguments)}: {done.stderr.strip()}")
        return done.stdout

    def read(self, *arguments: str) -> Any:
        """Run `kubectl get ...`, or another command that prints JSON, and parse it."""
        return json.loads(self.run(*arguments, "--output=json"))

    def items(self, *arguments: str) -> list[dict[str, Any]]:
        """Return the objects of a list: `items("pods", "--selector=a=b")`."""
        found: list[dict[str, Any]] = self.read("get", *arguments)["items"]
        return found

    def get(self, kind: str, name: str) -> dict[str, Any] | None:
        """Return an object, or None when there is none of that name."""
        printed = self.run("get", kind, name, "--ignore-not-found", "--output=json")
        return json.loads(printed) if printed else None

    def create(self, document: Mapping[str, Any]) -> dict[str, Any]:
        """Create an object and return it as the API server holds it."""
        created: dict[str, Any] = json.loads(
            self.run("create", "--filename=-", "--output=json", document=json.dumps(document))
        )
        return created

    def apply(self, *documents: Mapping[str, Any]) -> None:
        """Apply objects server-side, as the tests' own field manager."""
        manifest = {"apiVersion": "v1", "kind": "List", "items": list(documents)}
        options = ("--server-side", "--field-manager=deploytune-tests", "--filename=-")
        self.run("apply", *options, document=json.dumps(manifest))

    def wait(self, thing: str, what: str, seconds: float) -> None:
        """Wait until a thing is there and is what it should be: `condition=Ready`, `jsonpath=...`.

        One kubectl watches: asking again and again takes a busy machine's time from what is
        waited for.

        Raises:
            KubectlError: It was not within `seconds`.
        """
        for each in ("create", what):
            options = (f"--for={each}", f"--timeout={seconds:g}s")
            self.run("wait", thing, *options, seconds=seconds + 30.0)

    def merge(self, kind: str, name: str, patch: Mapping[str, Any]) -> None:
        """Merge a patch into an object."""
        self.run("patch", kind, name, "--type=merge", f"--patch={json.dumps(patch)}")

    def merge_status(self, kind: str, name: str, patch: Mapping[str, Any]) -> None:
        """Merge a patch into an object's status."""
        options = ("--subresource=status", "--type=merge", f"--patch={json.dumps(patch)}")
        self.run("patch", kind, name, *options)
