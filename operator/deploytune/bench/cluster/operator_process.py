"""The operator as a process of its own, and what it uses of this machine."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

_PATIENCE_SECONDS = 20


class OperatorProcess:
    """`deploytune operator` for as long as the context lasts."""

    def __init__(self, kubeconfig: Path) -> None:
        """Work on all namespaces of the cluster."""
        self._command = (
            *(sys.executable, "-m", "deploytune.cli", "operator"),
            *("--kubeconfig", str(kubeconfig), "--log-level", "warning"),
            *("--trial-image", "bench"),
        )

    def __enter__(self) -> Self:
        """Start it."""
        self._process = subprocess.Popen(self._command)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End it as a cluster would."""
        self._process.terminate()
        try:
            self._process.wait(_PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def resident_bytes(self) -> int:
        """Return the memory that it holds now."""
        return self._status("VmRSS")

    def peak_resident_bytes(self) -> int:
        """Return the most memory that it has held."""
        return self._status("VmHWM")

    def cpu_seconds(self) -> float:
        """Return the seconds of CPU that it has used."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        user_ticks, system_ticks = int(fields[11]), int(fields[12])
        return (user_ticks + system_ticks) / os.sysconf("SC_CLK_TCK")

    def _status(self, field: str) -> int:
        lines = Path(f"/proc/{self._process.pid}/status").read_text().splitlines()
        line = next(line for line in lines if line.startswith(f"{field}:"))
        return int(line.split()[1]) * 1024
