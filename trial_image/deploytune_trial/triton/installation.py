"""Where Triton is on this machine, and what its Python backend needs to start.

A `tritonserver` on PATH is taken as it is, with the backends beside it. Otherwise the one in the
nvidia-pytriton wheel, whose Python backend lacks its stub, the program that runs the model: it is
put together in the trial's own folder, and the wheel stays as it was installed. The stub looks for
packages in the environment whose `bin` stands first on PATH and needs this Python's libpython.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from deploytune.contract.errors import MachineError

_WHEEL = "pytriton"
_STUB = "triton_python_backend_stub"
_PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
_STUB_TIMEOUT_SECONDS = 20
_MISSING_LIBRARY = re.compile(r"loading shared libraries: (\S+):")


@dataclass(frozen=True)
class Installation:
    """A Triton: its program, its backends, and the stub and libraries that a wheel keeps apart."""

    program: Path
    backends: Path
    wheel_stub: Path | None = None
    wheel_libraries: Path | None = None

    def installed_backends(self) -> frozenset[str]:
        """Return the names of the backends that it brings."""
        return frozenset(path.name for path in self.backends.iterdir() if path.is_dir())

    def environment(self, variables: Mapping[str, str]) -> dict[str, str]:
        """Return the variables under which it and its stubs run."""
        changed = {**variables, "PATH": _joined(Path(sys.executable).parent, variables.get("PATH"))}
        if self.wheel_libraries is not None:
            changed["LD_LIBRARY_PATH"] = _joined(
                self.wheel_libraries,
                variables.get("LD_LIBRARY_PATH"),
                sysconfig.get_config_var("LIBDIR"),
            )
        return changed

    def assemble_backends(self, folder: Path) -> Path:
        """Return a folder with its backends, complete; made in `folder` where it must be."""
        if self.wheel_stub is None:
            return self.backends
        python = folder / "python"
        python.mkdir(parents=True, exist_ok=True)
        for part in (*(self.backends / "python").iterdir(), self.wheel_stub):
            if part.is_file() and not (python / part.name).exists():
                (python / part.name).symlink_to(part)
        return folder


def find_triton(variables: Mapping[str, str] = os.environ) -> Installation:
    """Return the Triton of this machine, after a check that its Python backend can start.

    Raises:
        MachineError: there is none, or its Python backend cannot run with this Python.
    """
    installation = _on_path(variables) or _in_wheel()
    if installation is None:
        raise MachineError(
            "tritonserver is not installed: pip install 'deploytune[trial]', or put one on PATH"
        )
    if installation.wheel_stub is not None:
        _check_stub(installation.wheel_stub, installation.environment(variables))
    elif not (installation.backends / "python" / _STUB).exists():
        raise MachineError(f"{installation.program} has no Python backend in its backends folder")
    return installation


def _on_path(variables: Mapping[str, str]) -> Installation | None:
    program = shutil.which("tritonserver", path=variables.get("PATH"))
    if program is None:
        return None
    resolved = Path(program).resolve()
    return Installation(resolved, resolved.parent.parent / "backends")


def _in_wheel() -> Installation | None:
    found = importlib.util.find_spec(_WHEEL)
    if found is None or not found.submodule_search_locations:
        return None
    package = Path(found.submodule_search_locations[0])
    triton = package / "tritonserver"
    return Installation(
        program=triton / "bin" / "tritonserver",
        backends=triton / "backends",
        wheel_stub=triton / "python_backend_stubs" / _PYTHON / _STUB,
        wheel_libraries=package.parent / "nvidia_pytriton.libs",
    )


def _check_stub(stub: Path, environment: Mapping[str, str]) -> None:
    """Start the stub, which without arguments says so and ends, if it can be loaded at all."""
    if not stub.exists():
        raise MachineError(
            f"the nvidia-pytriton wheel has no stub for Python {_PYTHON}: use another Python"
        )
    ended = subprocess.run(
        [str(stub)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=_STUB_TIMEOUT_SECONDS,
    )
    missing = _MISSING_LIBRARY.search(ended.stderr)
    if missing is not None:
        raise MachineError(
            f"Triton's Python backend cannot load {missing[1]}: install it "
            f"(Debian and Ubuntu: libpython{_PYTHON})"
        )


def _joined(*parts: Path | str | None) -> str:
    return os.pathsep.join(str(part) for part in parts if part)
