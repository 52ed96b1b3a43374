"""What the words of a library or of a driver mean: whose fault it is, and the cause.

    the device is broken or missing    Infrastructure/HardwareFault
    driver or engine do not suit       Misconfigured/MissingDependency
    memory, of host or device          Crashed/OutOfMemory
    a disk that is full                Crashed/DiskFull
    an operator that is not there      Crashed/Unsupported

Whole phrases only: "bloom" has an OOM in it, and TensorRT warns of "insufficient memory" when it
merely leaves out a tactic. What is not listed means nothing here, such as an illegal memory access,
which is the configuration's own fault and gets the cause of the stage that it happened in.

The words are those of CUDA's error names and strings, of torch, ONNX Runtime, TensorRT, cuBLAS,
cuDNN, NVML and Triton, as their documentation and issues quote them; seen here was what fails on a
CPU, and on a device what torch and ONNX Runtime say when its memory is spent.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from deploytune.contract.outcomes import Cause, OutcomeKind


class Meaning(NamedTuple):
    """The outcome that words stand for."""

    outcome: OutcomeKind
    cause: Cause


def meaning_of(words: str) -> Meaning | None:
    """Return what a library's words mean, None where only the stage can say it."""
    lowered = " ".join(words.lower().split())
    return next((meaning for meaning, pattern in _MEANINGS if pattern.search(lowered)), None)


_BROKEN_DEVICE = (
    r"uncorrectable ecc error",
    r"cuda_?error_?ecc_?uncorrectable",
    r"uncorrectable nvlink error",
    r"cuda_?error_?nvlink_?uncorrectable",
    r"gpu is lost",
    r"gpu has fallen off the bus",
    r"gpu requires (?:reset|restart)",
    r"no cuda-capable device is detected",
    r"cuda_?error_?no_?device",
    r"found no nvidia driver",
    r"cuda-capable device\(?s?\)? (?:is/)?are busy or unavailable",
    r"cuda_?error_?devices?_?unavailable",
    r"system not yet initialized",
    r"cuda_?error_?system_?not_?ready",
    r"driver/library version mismatch",
    r"unsupported display driver / cuda driver combination",
)
_UNSUITABLE = (
    r"cuda driver version is insufficient for cuda runtime version",
    r"cuda_?error_?insufficient_?driver",
    r"nvidia driver on your system is too old",
    r"compiled with an unsupported toolchain",
    r"cuda_?error_?unsupported_?ptx_?version",
    r"forward compatibility was attempted on non supported hw",
    r"cuda_?error_?compat_?not_?supported_?on_?device",
    r"engine plan file is not compatible with this version of tensorrt",
    r"version tag does not match",
)
_OUT_OF_MEMORY = (
    r"\bout of memory\b",
    r"\boutofmemory(?:error)?\b",
    r"\bmemoryerror\b",
    r"bad_alloc",
    r"cannot allocate memory(?! in static tls block)",
    r"can't allocate memory",
    r"cuda_?error_?(?:out_of_memory|memory_?allocation)",
    r"cu(?:blas|dnn|sparse|fft)_status_alloc_failed",
    r"cudnn_status_\w+_allocation_failed",
    r"failed to allocate memory for requested buffer of size",
    r"is smaller than requested bytes of",
    r"requested amount of (?:gpu )?memory \(\d+ bytes\) could not be allocated",
)
_DISK_FULL = (r"no space left on device",)
_UNSUPPORTED = (
    r"\bnot_implemented\b",
    r"\bnotimplemented(?:error)?\b",
    r"could not find an implementation",
    r"no kernel image is available for execution on the device",
    r"cuda_?error_?no_?(?:kernel_?image|binary)_?for_?(?:device|gpu)",
)


def _any_of(phrases: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(phrases))


_MEANINGS = (
    (Meaning(OutcomeKind.INFRASTRUCTURE, Cause.HARDWARE_FAULT), _any_of(_BROKEN_DEVICE)),
    (Meaning(OutcomeKind.MISCONFIGURED, Cause.MISSING_DEPENDENCY), _any_of(_UNSUITABLE)),
    (Meaning(OutcomeKind.CRASHED, Cause.OUT_OF_MEMORY), _any_of(_OUT_OF_MEMORY)),
    (Meaning(OutcomeKind.CRASHED, Cause.DISK_FULL), _any_of(_DISK_FULL)),
    (Meaning(OutcomeKind.CRASHED, Cause.UNSUPPORTED), _any_of(_UNSUPPORTED)),
)
"""The first that hits counts: a broken device fails allocations, too."""
