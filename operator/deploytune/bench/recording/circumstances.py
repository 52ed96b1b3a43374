"""On what a recording was made: the machine in words, and the versions. No names, no paths."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from deploytune import __version__

_PACKAGES = ("nvidia-pytriton", "tritonclient", "onnxruntime", "onnx", "numpy", "torch")
_CPU_INFO = Path("/proc/cpuinfo")


@dataclass(frozen=True)
class Circumstances:
    """The machine and the versions, of Python and of what trials use."""

    cpu: str
    cores: int
    memory_gib: float
    system: str
    versions: Mapping[str, str]


def circumstances_here() -> Circumstances:
    """Return those of this machine and this environment."""
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    versions = {"deploytune": __version__, "python": platform.python_version()}
    versions |= {name: found for name in _PACKAGES if (found := _version(name)) is not None}
    return Circumstances(
        cpu=_cpu_model(),
        cores=os.cpu_count() or 1,
        memory_gib=round(pages / 2**30, 1),
        system=f"{platform.system()} {platform.machine()}",
        versions=versions,
    )


def _cpu_model() -> str:
    try:
        lines = _CPU_INFO.read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.machine()
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.machine()


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
