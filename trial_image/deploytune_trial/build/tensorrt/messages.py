"""What TensorRT's logger and parser say, as the outcome of a build.

TensorRT returns nothing and logs why. The parser has codes; the builder only has words. What all
libraries of NVIDIA say is read as anywhere in a trial, the rest by what only TensorRT says.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from deploytune.contract.outcomes import Cause, OutcomeKind
from deploytune_trial.error_texts import Meaning, meaning_of
from deploytune_trial.failures import TrialFailure, crashed

_LONGEST = 400


@dataclass(frozen=True)
class ParserError:
    """One error of the ONNX parser: its code by name, and its words."""

    code: str
    words: str


_MEMORY = re.compile(r"Requested size was|MEM_ALLOC_FAILED")
_UNSUPPORTED = re.compile(
    r"UNSUPPORTED_|No importer registered|not supported|unsupported|"
    r"could not find any implementation for node|plugin not found",
    re.IGNORECASE,
)
_LIBRARY = re.compile(r"cannot open shared object file: No such file", re.IGNORECASE)
_OWN = (
    (_LIBRARY, Meaning(OutcomeKind.MISCONFIGURED, Cause.MISSING_DEPENDENCY)),
    (_MEMORY, Meaning(OutcomeKind.CRASHED, Cause.OUT_OF_MEMORY)),
    (_UNSUPPORTED, Meaning(OutcomeKind.CRASHED, Cause.UNSUPPORTED)),
)
_RANKS = (
    Cause.HARDWARE_FAULT,
    Cause.MISSING_DEPENDENCY,
    Cause.OUT_OF_MEMORY,
    Cause.UNSUPPORTED,
)
"""The first that hits counts: a node has no kernel where there is no memory for one."""


def failure_of_parser(errors: Sequence[ParserError]) -> TrialFailure:
    """Return the failure of a model that the parser does not take."""
    lines = [f"{error.code}: {error.words}" for error in errors]
    return _failure("TensorRT's parser", lines)


def failure_of_builder(errors: Sequence[str]) -> TrialFailure:
    """Return the failure of an engine that the builder does not make, by the errors it logged."""
    return _failure("TensorRT's builder", errors)


def _failure(who: str, lines: Sequence[str]) -> TrialFailure:
    meanings = [(line, meaning) for line in lines if (meaning := _meaning_of(line)) is not None]
    for cause in _RANKS:
        for line, meaning in meanings:
            if meaning.cause is cause:
                return TrialFailure(meaning.outcome, cause, f"{who}: {_one_line(line)}")
    told = lines[0] if lines else "it made no engine and gave no reason"
    return crashed(Cause.BUILD_FAILED, f"{who}: {_one_line(told)}")


def _meaning_of(line: str) -> Meaning | None:
    own = (meaning for pattern, meaning in _OWN if pattern.search(line))
    return meaning_of(line) or next(own, None)


def _one_line(text: str) -> str:
    joined = " ".join(text.split())
    return joined if len(joined) <= _LONGEST else f"{joined[: _LONGEST - 1]}…"
