"""What TensorRT's logger and parser say, as the outcome of a build.

TensorRT returns nothing and logs why. The parser has codes; the builder only has words, of which
these are stable over versions. The first rule that knows a line decides, lines in their order.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from deploytune.contract.outcomes import Cause, OutcomeKind
from deploytune_trial.failures import TrialFailure, crashed

_LONGEST = 400


@dataclass(frozen=True)
class ParserError:
    """One error of the ONNX parser: its code by name, and its words."""

    code: str
    words: str


_OUT_OF_MEMORY = re.compile(
    r"out of memory|OutOfMemory|cudaErrorMemoryAllocation|insufficient memory|"
    r"Cuda Runtime \(2\)|Requested size was|MEM_ALLOC_FAILED",
    re.IGNORECASE,
)
_UNSUPPORTED = re.compile(
    r"UNSUPPORTED_|No importer registered|not supported|unsupported|"
    r"could not find any implementation for node|plugin not found",
    re.IGNORECASE,
)
_DRIVER = re.compile(
    r"driver version is insufficient|CUDA driver.*(old|insufficient)", re.IGNORECASE
)
_DEVICE = re.compile(
    r"uncorrectable ECC|cudaErrorECCUncorrectable|device-side.*lost|no CUDA-capable device|"
    r"GPU has fallen off",
    re.IGNORECASE,
)
_RULES = (
    (_DEVICE, OutcomeKind.INFRASTRUCTURE, Cause.HARDWARE_FAULT),
    (_DRIVER, OutcomeKind.MISCONFIGURED, Cause.MISSING_DEPENDENCY),
    (_OUT_OF_MEMORY, OutcomeKind.CRASHED, Cause.OUT_OF_MEMORY),
    (_UNSUPPORTED, OutcomeKind.CRASHED, Cause.UNSUPPORTED),
)


def failure_of_parser(errors: Sequence[ParserError]) -> TrialFailure:
    """Return the failure of a model that the parser does not take."""
    lines = [f"{error.code}: {error.words}" for error in errors]
    return _failure("TensorRT's parser", lines)


def failure_of_builder(errors: Sequence[str]) -> TrialFailure:
    """Return the failure of an engine that the builder does not make, by the errors it logged."""
    return _failure("TensorRT's builder", errors)


def _failure(who: str, lines: Sequence[str]) -> TrialFailure:
    for pattern, outcome, cause in _RULES:
        told = next((line for line in lines if pattern.search(line)), None)
        if told is not None:
            return TrialFailure(outcome, cause, f"{who}: {_one_line(told)}")
    told = lines[0] if lines else "it made no engine and gave no reason"
    return crashed(Cause.BUILD_FAILED, f"{who}: {_one_line(told)}")


def _one_line(text: str) -> str:
    joined = " ".join(text.split())
    return joined if len(joined) <= _LONGEST else f"{joined[: _LONGEST - 1]}…"
