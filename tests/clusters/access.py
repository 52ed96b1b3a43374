"""How to reach a cluster, whoever owns it: what most tests need, and all they need."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from clusters.certificates import Certificate
from clusters.kubectl import Kubectl
from clusters.places import CRDS
from clusters.waiting import eventually

CONTEXT = "deploytune-tests"


@dataclass(frozen=True)
class Access:
    """A kubeconfig, the context in it that the tests may use, and a kubectl program."""

    kubeconfig: Path
    context: str
    kubectl_program: Path

    @property
    def kubectl(self) -> Kubectl:
        """kubectl as the administrator of the tests."""
        return Kubectl(self.kubectl_program, self.kubeconfig, self.context)

    def apply_crds(self) -> None:
        """Apply the checked-in CRDs and wait until they are served."""
        self.kubectl.run("apply", "--server-side", "--force-conflicts", f"--filename={CRDS}")
        eventually(self._serves_the_crds, "the CRDs to be established")

    def as_service_account(self, namespace: str, name: str, folder: Path) -> Access:
        """Return the access of a service account, with a token for an hour."""
        token = self.kubectl.within(namespace).run("create", "token", name, "--duration=1h").strip()
        path = folder / f"{namespace}-{name}.kubeconfig"
        write_kubeconfig(path, self._cluster(), {"token": token})
        return Access(path, CONTEXT, self.kubectl_program)

    def at_home_in(self, namespace: str, folder: Path) -> Access:
        """Return the same access for whoever names neither context nor namespace."""
        document = yaml.safe_load(self.kubeconfig.read_text())
        document["current-context"] = self.context
        for entry in document["contexts"]:
            entry["context"]["namespace"] = namespace
        path = folder / f"{namespace}.kubeconfig"
        path.touch(mode=0o600)
        path.write_text(json.dumps(document))
        return Access(path, self.context, self.kubectl_program)

    def _serves_the_crds(self) -> bool:
        """Ask ourselves: `kubectl wait` fails on a CRD that has no conditions yet."""
        crds = self.kubectl.items(f"--filename={CRDS}")
        conditions = [crd.get("status", {}).get("conditions") or [] for crd in crds]
        return all(
            any(c["type"] == "Established" and c["status"] == "True" for c in those)
            for those in conditions
        )

    def _cluster(self) -> Mapping[str, Any]:
        """Read how the server is reached out of the kubeconfig."""
        document = yaml.safe_load(self.kubeconfig.read_text())
        contexts = {entry["name"]: entry["context"] for entry in document["contexts"]}
        clusters = {entry["name"]: entry["cluster"] for entry in document["clusters"]}
        cluster: Mapping[str, Any] = clusters[contexts[self.context]["cluster"]]
        return cluster


def cluster_entry(server: str, authority: Certificate) -> Mapping[str, Any]:
    """Return the part of a kubeconfig that says where the server is and whom to trust."""
    return {"server": server, "certificate-authority-data": _embedded(authority.certificate)}


def user_entry(certificate: Certificate) -> Mapping[str, Any]:
    """Return the part of a kubeconfig that says who asks."""
    return {
        "client-certificate-data": _embedded(certificate.certificate),
        "client-key-data": _embedded(certificate.key),
    }


def write_kubeconfig(path: Path, cluster: Mapping[str, Any], user: Mapping[str, Any]) -> None:
    """Write a kubeconfig of one cluster, one user and one context; JSON is YAML."""
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "cluster", "cluster": cluster}],
        "users": [{"name": "user", "user": user}],
        "contexts": [{"name": CONTEXT, "context": {"cluster": "cluster", "user": "user"}}],
        "current-context": CONTEXT,
    }
    path.touch(mode=0o600)
    path.write_text(json.dumps(document))


def _embedded(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()
