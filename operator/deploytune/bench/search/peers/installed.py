"""Whether a peer's packages are there, without importing them."""

from __future__ import annotations

from importlib.util import find_spec

from deploytune.contract.errors import MachineError


def check_installed(peer: str, *packages: str) -> None:
    """Refuse a peer whose packages are not all installed.

    Raises:
        MachineError: names peer and package.
    """
    for package in packages:
        if find_spec(package) is None:
            raise MachineError(
                f"{peer} needs the package {package}, which is not installed: "
                "pip install 'deploytune[bench]'"
            )
