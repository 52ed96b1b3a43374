"""What a level of tests needs of the machine, and what to install where it lacks it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from clusters import control_groups
from clusters.binaries import binaries_are_built
from clusters.helm import helm_is_built
from clusters.prometheus import programs_are_at_hand

CNI_PLUGINS = Path("/usr/lib/cni")
KUBELET_OF_THE_MACHINE = Path("/var/lib/kubelet/config.yaml")


@dataclass(frozen=True)
class Requirement:
    """Something that must hold, what is wrong where it does not, and the remedy."""

    holds: Callable[[], bool]
    lack: str
    remedy: str
    package: str = ""


def _packaged(holds: Callable[[], bool], lack: str, package: str) -> Requirement:
    return Requirement(holds, lack, f"apt-get install {package}", package)


def _program(name: str, package: str) -> Requirement:
    return _packaged(lambda: shutil.which(name) is not None, f"no {name}", package)


CONTROL_PLANE = (
    Requirement(
        lambda: binaries_are_built() or shutil.which("go") is not None,
        "no Go to build Kubernetes with",
        "install Go 1.24 or later (go.dev/doc/install)",
    ),
    _program("openssl", "openssl"),
)
NODES = (
    *CONTROL_PLANE,
    Requirement(lambda: os.getuid() == 0, "not root", "run the tests as root"),
    Requirement(
        lambda: not KUBELET_OF_THE_MACHINE.exists(),
        "this machine is a Kubernetes node already",
        "run the tests on another machine",
    ),
    _program("containerd", "containerd"),
    _program("ctr", "containerd"),
    _program("runc", "runc"),
    _program("busybox", "busybox-static"),
    _program("buildah", "buildah"),
    _program("mmdebstrap", "mmdebstrap"),
    _packaged(
        (CNI_PLUGINS / "ptp").exists,
        f"no Pod network plugins in {CNI_PLUGINS}",
        "containernetworking-plugins",
    ),
    Requirement(
        lambda: not control_groups.lacking_controllers(),
        "control groups without a controller that a kubelet needs",
        "see tests/clusters/control_groups.py",
    ),
)
HELM = (
    Requirement(
        lambda: helm_is_built() or shutil.which("go") is not None,
        "no Go to build Helm with",
        "install Go 1.24 or later (go.dev/doc/install)",
    ),
)
MONITORING = (
    Requirement(
        lambda: programs_are_at_hand() or shutil.which("apt-get") is not None,
        "no prometheus and promtool",
        "put both on the PATH (prometheus.io/download)",
    ),
)


def why_not(requirements: Sequence[Requirement]) -> str:
    """Return what is lacking and its remedy, in one line; empty when nothing is."""
    lacking = [need for need in requirements if not need.holds()]
    return "; ".join(f"{need.lack}: {need.remedy}" for need in lacking)


def packages_lacking(requirements: Sequence[Requirement]) -> list[str]:
    """Return the Debian packages that would bring what is lacking."""
    return sorted({need.package for need in requirements if need.package and not need.holds()})
