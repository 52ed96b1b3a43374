"""An admission webhook that adds a sidecar to the Pods of one tuning, as a service mesh does.

The sidecar eats memory until it is killed.
"""

from __future__ import annotations

import base64
import json
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from clusters.certificates import Certificate
from clusters.control_plane import ControlPlane
from clusters.ports import LOOPBACK
from pod_cases.scene import RESTRICTED_CONTAINER, a_container

from deploytune.state.pods.labels import TUNING

SIDECAR = "injected"
_NAME = "inject-sidecars"
_EAT_MEMORY = "exec /bin/busybox tail /dev/zero"


@contextmanager
def injecting_sidecars(control_plane: ControlPlane, namespace: str, tuning: str) -> Iterator[None]:
    """Have every new Pod of a tuning given a sidecar."""
    issued = control_plane.authority.issue(_NAME, "/CN=webhook", [f"IP:{LOOPBACK}"])
    server = _server(issued)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    kubectl = control_plane.access.kubectl
    try:
        authority = control_plane.authority.own.certificate.read_bytes()
        kubectl.apply(_registration(server.server_port, authority, namespace, tuning))
        yield
    finally:
        kubectl.run("delete", "mutatingwebhookconfiguration", _NAME, "--ignore-not-found")
        server.shutdown()
        thread.join()
        server.server_close()


class _Injector(BaseHTTPRequestHandler):
    """Answers every review with a patch that adds the sidecar."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Answer a review."""
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        body = json.dumps({**asked, "response": _allowed(asked["request"]["uid"])}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def _allowed(uid: str) -> dict[str, Any]:
    security = {**RESTRICTED_CONTAINER, "runAsUser": 1000}
    sidecar = a_container(_EAT_MEMORY, name=SIDECAR, securityContext=security)
    patch = json.dumps([{"op": "add", "path": "/spec/containers/0", "value": sidecar}])
    encoded = base64.b64encode(patch.encode()).decode()
    return {"uid": uid, "allowed": True, "patchType": "JSONPatch", "patch": encoded}


def _server(certificate: Certificate) -> ThreadingHTTPServer:
    server = ThreadingHTTPServer((LOOPBACK, 0), _Injector)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.certificate, certificate.key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    return server


def _registration(port: int, authority: bytes, namespace: str, tuning: str) -> dict[str, Any]:
    """Return the webhook, for the Pods of one tuning in one namespace."""
    pods = {"apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"], "scope": "Namespaced"}
    webhook = {
        "name": "sidecars.example.com",
        "admissionReviewVersions": ["v1"],
        "sideEffects": "None",
        "failurePolicy": "Fail",
        "rules": [{**pods, "operations": ["CREATE"]}],
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
        "objectSelector": {"matchLabels": {TUNING: tuning}},
        "clientConfig": {
            "url": f"https://{LOOPBACK}:{port}/",
            "caBundle": base64.b64encode(authority).decode(),
        },
    }
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "MutatingWebhookConfiguration",
        "metadata": {"name": _NAME},
        "webhooks": [webhook],
    }
