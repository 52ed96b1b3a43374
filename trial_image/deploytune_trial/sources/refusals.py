"""What an error while downloading means: the user's to mend, or the network's.

Libraries are told apart by what their errors are, not by importing them. No word of theirs passes
with the credentials that a URL may carry.
"""

from __future__ import annotations

import errno
import re
import zipfile
from collections.abc import Callable

from deploytune.contract.outcomes import Cause, OutcomeKind
from deploytune.contract.sources import without_secrets
from deploytune_trial.failures import TrialFailure, bad_workload, first_line, missing_dependency
from deploytune_trial.sources.streams import scheme_of

_STATUS = re.compile(r"status code: (\d{3})")
_METADATA_SERVICES = ("169.254.169.254", "/latest/api/token", "metadata.google.internal")
_DENIED = frozenset({401, 403, 407})
_MISSING = frozenset({404, 410})
_PASSING = frozenset({408, 425, 429})
_CLIENT_ERRORS = range(400, 500)
_LONGEST_WORDS = 200
_EXTRA = "install deploytune[sources], or what fsspec wants for this scheme"

Rule = Callable[[str, str, Exception], TrialFailure | None]


def why_not_fetched(field: str, url: str, error: Exception) -> TrialFailure:
    """Return the failure behind an error; `field` is where the tuning names the URL."""
    shown = without_secrets(url)
    error = _behind(error)
    for rule in _CHAIN:
        failure = rule(field, shown, error)
        if failure is not None:
            return failure
    return unreachable(field, shown, _words(error))


def unreachable(field: str, url: str, why: str) -> TrialFailure:
    """Return the failure of a source that cannot be had for now: tried again, charged to nobody."""
    message = f"{field}: {without_secrets(url)} cannot be read for now: {why}"
    return TrialFailure(OutcomeKind.INFRASTRUCTURE, Cause.SOURCE_UNREACHABLE, message)


def _lacks_a_package(field: str, url: str, error: Exception) -> TrialFailure | None:
    if not isinstance(error, ImportError):
        return None
    return missing_dependency(f"{field}: a package that reads {url} ({_words(error)})", _EXTRA)


def _has_an_unknown_scheme(field: str, url: str, error: Exception) -> TrialFailure | None:
    if isinstance(error, ValueError) and "Protocol not known" in str(error):
        rule = f"scheme {scheme_of(url)!r} must be one that fsspec knows"
        return bad_workload(field, rule, url)
    return None


def _is_missing(field: str, url: str, error: Exception) -> TrialFailure | None:
    missing = isinstance(error, FileNotFoundError | IsADirectoryError | NotADirectoryError)
    if missing or _status(error) in _MISSING or _is_called(error, "NotFoundError"):
        return bad_workload(field, "no such file", url)
    return None


def _is_forbidden(field: str, url: str, error: Exception) -> TrialFailure | None:
    denied = isinstance(error, PermissionError) or _status(error) in _DENIED
    if denied or _is_called(error, "PermissionDeniedError", "UnauthenticatedError"):
        rule = "must be readable with the credentials given (workload.credentials); it is refused"
        return bad_workload(field, rule, url)
    return None


def _has_no_credentials(field: str, url: str, error: Exception) -> TrialFailure | None:
    # Without any, the clouds' libraries ask the machine's metadata service in the end.
    asked_in_vain = any(name in str(error) for name in _METADATA_SERVICES)
    if asked_in_vain or _is_called(error, "NoCredentialsError", "DefaultCredentialsError"):
        rule = "needs credentials, and none are given (workload.credentials)"
        return bad_workload(field, rule, url)
    return None


def _fills_the_disk(field: str, url: str, error: Exception) -> TrialFailure | None:
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return bad_workload(field, "does not fit on the trial's disk", url)
    return None


def _is_refused(field: str, url: str, error: Exception) -> TrialFailure | None:
    status = _status(error)
    if status in _CLIENT_ERRORS and status not in _PASSING:
        return bad_workload(field, f"must be readable; the answer was {status}", url)
    return None


def _is_no_url(field: str, url: str, error: Exception) -> TrialFailure | None:
    """What a library says of a URL or of its options before it asks anybody."""
    if isinstance(error, ValueError | TypeError | KeyError | zipfile.BadZipFile):
        return bad_workload(field, f"must be a URL that can be read ({_words(error)})", url)
    return None


_CHAIN: tuple[Rule, ...] = (
    _lacks_a_package,
    _has_an_unknown_scheme,
    _is_missing,
    _is_forbidden,
    _has_no_credentials,
    _fills_the_disk,
    _is_refused,
    _is_no_url,
)


def _behind(error: Exception) -> Exception:
    """Return what is behind a missing file: fsspec calls all that a web server refuses so."""
    while isinstance(error, FileNotFoundError) and isinstance(error.__cause__, Exception):
        error = error.__cause__
    return error


def _status(error: Exception) -> int | None:
    """Return the HTTP status behind an error: aiohttp's attribute, or obstore's words."""
    status = getattr(error, "status", None)
    if isinstance(status, int):
        return status
    said = _STATUS.search(str(error))
    return None if said is None else int(said[1])


def _is_called(error: Exception, *names: str) -> bool:
    return any(kind.__name__ in names for kind in type(error).__mro__)


def _words(error: Exception) -> str:
    # obstore adds pages of its own state after an empty line.
    text = str(error).partition("\n\n")[0]
    words = without_secrets(first_line(Exception(f"{type(error).__name__}: {text}")))
    return words if len(words) <= _LONGEST_WORDS else f"{words[:_LONGEST_WORDS]}…"
