"""Makes ahead what the test clusters need, so that no test waits: python -m clusters.prepare.

As root it installs Debian packages; with Go it builds Kubernetes and Helm, which takes minutes
once. What the machine does not allow is named, and ends with 1: the tests of that level will say
the same.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence

from clusters.binaries import binaries, binaries_are_built
from clusters.helm import helm_is_built, helm_program
from clusters.images import base_image, pause_and_busybox
from clusters.programs import output_of
from clusters.prometheus import prometheus_programs
from clusters.requirements import (
    CONTROL_PLANE,
    HELM,
    MONITORING,
    NODES,
    packages_lacking,
    why_not,
)

UNATTENDED = {"DEBIAN_FRONTEND": "noninteractive"}


def main() -> int:
    """Install, build, and say what is lacking."""
    if os.getuid() == 0 and shutil.which("apt-get"):
        _install(packages_lacking(NODES))
    if not why_not(CONTROL_PLANE):
        if not binaries_are_built():
            _say("building Kubernetes, etcd and kwok: minutes, once")
        binaries()
    if not why_not(HELM):
        if not helm_is_built():
            _say("building Helm: minutes, once")
        helm_program()
    if not why_not(MONITORING):
        prometheus_programs()
    if lack := why_not(NODES):
        _say(lack)
        return 1
    pause_and_busybox()
    base_image()
    return 0


def _install(packages: Sequence[str]) -> None:
    if packages:
        _say(f"installing {' '.join(packages)}")
        output_of(["apt-get", "update", "-q"])
        options = ("--quiet", "--yes", "--no-install-recommends")
        output_of(["apt-get", "install", *options, *packages], variables=UNATTENDED)


def _say(line: str) -> None:
    sys.stderr.write(f"clusters: {line}\n")


if __name__ == "__main__":
    sys.exit(main())
