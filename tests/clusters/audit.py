"""The API server's own record of who asked for what: the tests count writes in it.

System components are left out of it, and so are stages other than the end of a request.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

POLICY = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived", "ResponseStarted", "Panic"],
    "rules": [
        {"level": "None", "userGroups": ["system:nodes", "system:serviceaccounts:kube-system"]},
        {
            "level": "None",
            "users": [
                "system:apiserver",
                "system:kube-controller-manager",
                "system:kube-scheduler",
            ],
        },
        {"level": "Metadata"},
    ],
}
WRITING_VERBS = frozenset({"create", "update", "patch", "delete", "deletecollection"})


@dataclass(frozen=True)
class Request:
    """One request that the API server answered."""

    user: str
    user_agent: str
    verb: str
    resource: str
    subresource: str
    namespace: str
    name: str
    code: int

    @property
    def writes(self) -> bool:
        """Whether it asked for a change."""
        return self.verb in WRITING_VERBS


class AuditLog:
    """Reads the API server's audit log from any point on."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def now(self) -> int:
        """Return a point in the log that `since` understands."""
        return self._path.stat().st_size if self._path.exists() else 0

    def since(self, point: int) -> Iterator[Request]:
        """Yield what was asked after a point."""
        with self._path.open("rb") as log:
            log.seek(point)
            for line in log:
                if line.endswith(b"\n"):
                    yield _request_of(line)


def _request_of(line: bytes) -> Request:
    event = json.loads(line)
    target = event.get("objectRef", {})
    return Request(
        user=event.get("user", {}).get("username", ""),
        user_agent=event.get("userAgent", ""),
        verb=event["verb"],
        resource=target.get("resource", ""),
        subresource=target.get("subresource", ""),
        namespace=target.get("namespace", ""),
        name=target.get("name", ""),
        code=event.get("responseStatus", {}).get("code", 0),
    )
