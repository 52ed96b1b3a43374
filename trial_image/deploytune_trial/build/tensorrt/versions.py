"""Which TensorRT Triton loads: an engine must be built with exactly that one.

Triton's backend links libnvinfer; the dynamic loader says which file that is, and the file says its
version, asked in a process of its own so that it is not loaded beside the one that builds.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from deploytune.contract.errors import MachineError
from deploytune.contract.outcomes import Cause, OutcomeKind
from deploytune_trial.failures import TrialFailure, missing_dependency
from deploytune_trial.triton.installation import Installation, find_triton

_BACKEND = "tensorrt"
_LIBRARY = "libtriton_tensorrt.so"
_LINKED = re.compile(r"libnvinfer\.so\S*\s+=>\s+(/\S+)")
_ASK = "import ctypes, sys; print(ctypes.CDLL(sys.argv[1]).getInferLibVersion())"
_TIMEOUT_SECONDS = 60


def check_version(installed: str) -> None:
    """Refuse to build with another TensorRT than the one that Triton loads.

    Raises:
        TrialFailure: Misconfigured, Triton has no TensorRT backend or another version.
    """
    try:
        installation = find_triton()
    except MachineError as error:
        raise missing_dependency("Triton", str(error)) from error
    served = served_version(installation)
    if served is None:
        raise missing_dependency(
            "Triton's TensorRT backend", f"use the trial image for GPUs, not {installation.program}"
        )
    if not is_same(installed, served):
        message = (
            f"TensorRT {installed} would build what Triton loads with {served}: "
            f"install tensorrt=={served} in the image"
        )
        raise TrialFailure(OutcomeKind.MISCONFIGURED, Cause.MISSING_DEPENDENCY, message)


def served_version(installation: Installation) -> str | None:
    """Return the version of TensorRT that a Triton loads, None where it has no backend for it."""
    backend = installation.backends / _BACKEND / _LIBRARY
    if not backend.is_file():
        return None
    library = linked_library(_output("ldd", str(backend)))
    if library is None:
        return None
    return version_of_number(int(_output(sys.executable, "-c", _ASK, str(library))))


def linked_library(ldd_output: str) -> Path | None:
    """Return the libnvinfer that the dynamic loader has found."""
    found = _LINKED.search(ldd_output)
    return None if found is None else Path(found[1])


def version_of_number(number: int) -> str:
    """Return the version that TensorRT 10 and newer write as one number, such as 101303."""
    return f"{number // 10_000}.{number // 100 % 100}.{number % 100}"


def is_same(installed: str, served: str) -> bool:
    """Tell whether two versions are of the same engines: the first three numbers count."""
    return installed.split(".")[:3] == served.split(".")[:3]


def _output(*command: str) -> str:
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=_TIMEOUT_SECONDS
    )
    return done.stdout
