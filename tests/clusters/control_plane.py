"""The control plane: etcd, API server, controller manager and scheduler as processes.

They listen on loopback alone, on ports chosen at run time, and write into one state folder:
`log/` with the API server's audit log, `pki/`, `etcd/`, and `admin.kubeconfig` for kubectl.
A test that ends a component starts it again and calls `await_ready`.
"""

from __future__ import annotations

import json
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from urllib.request import urlopen

from clusters.access import CONTEXT, Access, cluster_entry, user_entry, write_kubeconfig
from clusters.audit import POLICY, AuditLog
from clusters.certificates import Certificate, CertificateAuthority
from clusters.components import LONG_AGO, Component
from clusters.ports import LOOPBACK, free_port
from clusters.waiting import eventually

SERVICE_NETWORK = "10.96.0.0/16"
API_SERVER_NAMES = ("IP:127.0.0.1", "IP:10.96.0.1", "DNS:localhost", "DNS:kubernetes.default.svc")
NODE_GRACE_SECONDS = 20
AUDIT_LOG_MEGABYTES = 2048


@dataclass(frozen=True)
class Ports:
    """The two ports of a control plane."""

    api_server: int = field(default_factory=free_port)
    etcd: int = field(default_factory=free_port)


class ControlPlane:
    """A control plane in a state folder; `access` reaches it, the components can be ended."""

    def __init__(self, state: Path, programs: Path, ports: Ports) -> None:
        self.state = state
        self.programs = programs
        self.ports = ports
        self._components: list[Component] = []
        self._controllers: list[Component] = []
        self.authority = CertificateAuthority(state / "pki")
        self._trust = ssl.create_default_context(cafile=self.authority.own.certificate)
        (state / "log").mkdir()
        self.audit_log = AuditLog(state / "log" / "audit.log")
        self.access = self.access_as("admin", "/O=system:masters/CN=admin")
        self._token_keys = self.authority.key_pair("service-accounts")
        self.etcd = self._etcd()
        self.api_server = self._api_server()
        self.controller_manager = self._controller_manager()
        self.scheduler = self._scheduler()

    @property
    def server(self) -> str:
        """The API server's address."""
        return f"https://{LOOPBACK}:{self.ports.api_server}"

    def access_as(self, name: str, subject: str) -> Access:
        """Return the access of a user named by a certificate's subject: `/O=group/CN=user`."""
        path = self.state / f"{name}.kubeconfig"
        user = user_entry(self.authority.issue(name, subject))
        write_kubeconfig(path, cluster_entry(self.server, self.authority.own), user)
        return Access(path, CONTEXT, self.programs / "kubectl")

    def start(self) -> None:
        """Start everything, wait until it serves, and apply the CRDs."""
        self.etcd.start()
        self.api_server.start()
        self.await_ready()
        self.controller_manager.start()
        self.scheduler.start()
        self.access.apply_crds()

    def await_ready(self) -> None:
        """Wait until the API server says that it is ready, and its controllers work again.

        One that has lost it asks again after pauses that grow to half a minute, or ends. It is not
        what a test is about, and started anew it is back in seconds.
        """
        eventually(self._is_ready, "the API server's readiness")
        back = max(self.api_server.started_at, self.etcd.started_at)
        for controller in self._controllers:
            if LONG_AGO < controller.started_at < back or controller.has_ended:
                controller.kill()
                controller.start()

    def component(self, name: str, command: Sequence[str | Path]) -> Component:
        """Describe a process of this cluster, with its log among the others."""
        made = Component(name, command, self.state / "log" / f"{name}.log")
        self._components.append(made)
        return made

    def controller(self, name: str, command: Sequence[str | Path]) -> Component:
        """Describe a process that lives by what the API server tells it."""
        made = self.component(name, command)
        self._controllers.append(made)
        return made

    def forget(self) -> None:
        """Let go of the processes of a cluster that has been removed."""
        for component in self._components:
            component.forget()

    def _is_ready(self) -> bool:
        self.etcd.must_run()
        self.api_server.must_run()
        try:
            with urlopen(f"{self.server}/readyz", context=self._trust, timeout=5) as answer:
                return bool(answer.status == HTTPStatus.OK)
        except OSError:
            return False

    def _etcd(self) -> Component:
        clients = f"http://{LOOPBACK}:{self.ports.etcd}"
        options = (
            f"--data-dir={self.state / 'etcd'}",
            f"--listen-client-urls={clients}",
            f"--advertise-client-urls={clients}",
            f"--listen-peer-urls=http://{LOOPBACK}:0",
            "--unsafe-no-fsync",  # it need not survive the machine
            "--log-level=warn",
        )
        return self.component("etcd", (self.programs / "etcd", *options))

    def _api_server(self) -> Component:
        serving = self.authority.issue("apiserver", "/CN=kube-apiserver", API_SERVER_NAMES)
        client = self.authority.issue("apiserver-client", "/O=system:masters/CN=kube-apiserver")
        options = (
            f"--etcd-servers=http://{LOOPBACK}:{self.ports.etcd}",
            f"--secure-port={self.ports.api_server}",
            f"--bind-address={LOOPBACK}",
            f"--advertise-address={LOOPBACK}",
            f"--service-cluster-ip-range={SERVICE_NETWORK}",
            "--endpoint-reconciler-type=none",
            f"--client-ca-file={self.authority.own.certificate}",
            f"--tls-cert-file={serving.certificate}",
            f"--tls-private-key-file={serving.key}",
            "--allow-privileged",  # as everywhere; what may be privileged is Pod Security's matter
            "--authorization-mode=Node,RBAC",
            "--enable-admission-plugins=NodeRestriction",
            *self._token_options(),
            *self._audit_options(),
            *self._kubelet_options(client),
        )
        return self.component("kube-apiserver", (self.programs / "kube-apiserver", *options))

    def _token_options(self) -> Sequence[str]:
        private, public = self._token_keys
        return (
            f"--service-account-signing-key-file={private}",
            f"--service-account-key-file={public}",
            "--service-account-issuer=https://kubernetes.default.svc",
        )

    def _audit_options(self) -> Sequence[str]:
        policy = self.state / "audit-policy.json"
        policy.write_text(json.dumps(POLICY))
        return (
            f"--audit-policy-file={policy}",
            f"--audit-log-path={self.state / 'log' / 'audit.log'}",
            f"--audit-log-maxsize={AUDIT_LOG_MEGABYTES}",
        )

    def _kubelet_options(self, client: Certificate) -> Sequence[str]:
        return (
            f"--kubelet-client-certificate={client.certificate}",
            f"--kubelet-client-key={client.key}",
            f"--kubelet-certificate-authority={self.authority.own.certificate}",
        )

    def _controller_manager(self) -> Component:
        name = "kube-controller-manager"
        access = self.access_as(name, f"/CN=system:{name}")
        options = (
            f"--kubeconfig={access.kubeconfig}",
            f"--service-account-private-key-file={self._token_keys[0]}",
            f"--root-ca-file={self.authority.own.certificate}",
            "--use-service-account-credentials",
            "--leader-elect=false",
            f"--node-monitor-grace-period={NODE_GRACE_SECONDS}s",
            "--secure-port=0",
            "--kube-api-qps=200",
            "--kube-api-burst=400",
        )
        return self.controller(name, (self.programs / name, *options))

    def _scheduler(self) -> Component:
        name = "kube-scheduler"
        access = self.access_as(name, f"/CN=system:{name}")
        configuration = {
            "apiVersion": "kubescheduler.config.k8s.io/v1",
            "kind": "KubeSchedulerConfiguration",
            "clientConnection": {
                "kubeconfig": str(access.kubeconfig),
                "qps": 1000,
                "burst": 2000,
            },
            "leaderElection": {"leaderElect": False},
        }
        path = self.state / "scheduler.json"
        path.write_text(json.dumps(configuration))
        return self.controller(name, (self.programs / name, f"--config={path}", "--secure-port=0"))
