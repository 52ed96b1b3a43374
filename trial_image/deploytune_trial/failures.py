"""How a trial's own code says that the trial ends here: an outcome, its cause, and one line."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deploytune.contract.outcomes import Cause, OutcomeKind
from deploytune_trial.error_texts import meaning_of

_LONGEST_REASON = 500
_LEAST_ROOM_BYTES = 2**14
_RESOURCES = (Cause.OUT_OF_MEMORY, Cause.DISK_FULL)


class TrialFailure(Exception):  # noqa: N818 - a trial that fails is data, not an error of this code
    """The trial has an outcome before its measurement: crashed, or misconfigured by its user."""

    def __init__(self, outcome: OutcomeKind, cause: Cause, message: str) -> None:
        """Say which `outcome` for which `cause`; the `message` is one clear line."""
        super().__init__(message)
        self.outcome = outcome
        self.cause = cause
        self.message = message


def crashed(cause: Cause, message: str) -> TrialFailure:
    """Return the failure of a configuration that does not work."""
    return TrialFailure(OutcomeKind.CRASHED, cause, message)


def failure_in_words(cause: Cause, message: str, words: str | None = None) -> TrialFailure:
    """Return the failure that `words` tell of, by default those of the `message`.

    Where they have no meaning of their own it is a crash of that `cause`.
    """
    meaning = meaning_of(message if words is None else words)
    if meaning is None:
        return crashed(cause, message)
    return TrialFailure(meaning.outcome, meaning.cause, message)


def hardware_fault(message: str) -> TrialFailure:
    """Return the failure of a device that is broken, missing or in others' use."""
    return TrialFailure(OutcomeKind.INFRASTRUCTURE, Cause.HARDWARE_FAULT, message)


def bad_parameter(name: str, rule: str, value: object = ...) -> TrialFailure:
    """Return the failure of a request whose parameter breaks a rule."""
    return _misconfigured(Cause.BAD_PARAMETER, f"parameter {name}", rule, value)


def bad_workload(field: str, rule: str, value: object = ...) -> TrialFailure:
    """Return the failure of a request whose model or data breaks a rule."""
    return _misconfigured(Cause.BAD_WORKLOAD, field, rule, value)


def missing_dependency(what: str, remedy: str) -> TrialFailure:
    """Return the failure of an installation that lacks something."""
    message = f"{what} is not installed: {remedy}"
    return TrialFailure(OutcomeKind.MISCONFIGURED, Cause.MISSING_DEPENDENCY, message)


@contextmanager
def failing_as(cause: Cause, what: str) -> Iterator[None]:
    """Turn whatever a library raises inside into a crash of that cause, `what` before its words.

    Words that have a meaning of their own keep it, as do memory and disk that ran out; a
    TrialFailure passes as it is.
    """
    try:
        yield
    except TrialFailure:
        raise
    except Exception as error:
        message = f"{what}: {first_line(error)}"
        own = exhausted(error)
        if own is not None:
            raise crashed(own, message) from error
        raise failure_in_words(cause, message, str(error)) from error


def is_full(folder: Path) -> bool:
    """Tell whether the disk of a folder has no room left."""
    return shutil.disk_usage(folder).free < _LEAST_ROOM_BYTES


def first_line(error: BaseException) -> str:
    """Return what a library's error says, joined to one line of bounded length."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= _LONGEST_REASON else text[: _LONGEST_REASON - 1] + "…"


def exhausted(error: Exception) -> Cause | None:
    """Return which resource has run out if that is what a library's error is about."""
    if isinstance(error, MemoryError):
        return Cause.OUT_OF_MEMORY
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return Cause.DISK_FULL
    # ONNX Runtime and torch report what fails in C++ as an ordinary error.
    meaning = meaning_of(str(error))
    return meaning.cause if meaning is not None and meaning.cause in _RESOURCES else None


def _misconfigured(cause: Cause, field: str, rule: str, value: object) -> TrialFailure:
    shown = "" if value is ... else f", got {value!r}"
    return TrialFailure(OutcomeKind.MISCONFIGURED, cause, f"{field}: {rule}{shown}")
