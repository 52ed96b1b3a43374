"""A library of NVIDIA's that answers what a file says, for machines without a device.

It shows that the calls, their units and their order are as its header has them, and what a whole
trial makes of the answers; nothing about a real device. `tests/gpu` looks at those.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

_SOURCE = Path(__file__).parent / "nvml.c"
_IDLE = {"count": 1.0, "used_mib": 3.0, "watts": 300.0, "clock_mhz": 1500.0}


class PretendedDevices:
    """Devices whose answers a test changes while it runs."""

    def __init__(self, folder: Path, compiler: str) -> None:
        """Compile the library into `folder`; its one device is idle."""
        folder.mkdir()
        library = folder / "libnvidia-ml.so.1"
        command = [compiler, "-shared", "-fPIC", "-Wall", "-Wextra", "-Werror", "-o"]
        subprocess.run([*command, str(library), str(_SOURCE)], check=True)
        self._answers = folder / "answers"
        self._said = dict(_IDLE)
        self.variables = {"LD_LIBRARY_PATH": str(folder), "PRETENDED_DEVICES": str(self._answers)}
        self.say()

    def say(self, **answers: float) -> None:
        """Answer so from now on."""
        self._said |= answers
        whole = self._answers.with_suffix(".next")
        whole.write_text("".join(f"{name} {value}\n" for name, value in self._said.items()))
        whole.replace(self._answers)


def find_compiler() -> str | None:
    """Return a compiler of C, None where there is none."""
    return shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
