"""What the API server answers when it does not do what it was asked, as deploytune's errors.

ClusterError
├── NotFoundError        404: the object is not there
├── ConflictError        409: it has changed since it was read, or is another of the same name
├── AlreadyExistsError   409: an object of this name is there
├── ExpiredError         410: a list cannot be continued
├── RefusedError         400, 403, 422: a quota, an admission rule, a missing right, a bad field;
│                        500 where it is an admission webhook that cannot be called, or a field
│                        that an older CRD does not know
├── NotLeadingError      nothing was sent: the Lease is not held
└── UnavailableError     no answer, 401, 408, 429, 5xx: to be tried again later

Whether "not found" or "already exists" is an error is the caller's choice.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from deploytune.contract.errors import ClusterError

_MESSAGE_LIMIT = 512
_FAILED_WEBHOOK = "failed calling webhook"
_UNKNOWN_FIELD = "field not declared in schema"
_OLDER_CRDS = "the CRDs are older than the operator: apply those of its version"
_NAMESPACE_ENDING = "NamespaceTerminating"


class NotFoundError(ClusterError):
    """The object is not there."""


class ConflictError(ClusterError):
    """The object has changed since it was read, or is another one of the same name."""


class AlreadyExistsError(ClusterError):
    """An object of this name is there already."""


class ExpiredError(ClusterError):
    """What a list was to continue from is no longer kept."""


class NotLeadingError(ClusterError):
    """The Lease is not held, so nothing was written."""


class RefusedError(ClusterError):
    """The API server will not do this: a quota, an admission rule, a missing right, a bad field."""

    def __init__(self, message: str, code: int, causes: tuple[str, ...] = ()) -> None:
        """Keep the answer's code and the reasons of its causes."""
        super().__init__(message)
        self.code = code
        self.causes = causes

    @property
    def is_namespace_ending(self) -> bool:
        """Whether nothing can be created because the namespace is being deleted."""
        return _NAMESPACE_ENDING in self.causes

    @property
    def is_failed_test(self) -> bool:
        """Whether this can be a `test` of a JSON patch that does not hold: 422, and not why."""
        return self.code == HTTPStatus.UNPROCESSABLE_ENTITY and not self.causes


class UnavailableError(ClusterError):
    """The API server gave no answer, or asked to be left alone for a while."""

    def __init__(self, message: str, retry_after_seconds: float | None = None) -> None:
        """Keep for how long the server asked to be left alone, None if it did not say."""
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


def error_of(code: int, headers: Mapping[str, str], body: bytes) -> ClusterError:
    """Return the error that an answer other than 2xx stands for."""
    status = _status_object(body)
    message = _message(code, status, body)
    if code in _BY_CODE:
        return _BY_CODE[code](message)
    if code == HTTPStatus.CONFLICT:
        exists = status.get("reason") == "AlreadyExists"
        return AlreadyExistsError(message) if exists else ConflictError(message)
    if _UNKNOWN_FIELD in message:  # a 500, though it stays so until somebody mends it
        return RefusedError(in_one_line(f"{_OLDER_CRDS}; {message}"), code, _causes(status))
    is_temporary = code in _TEMPORARY or code >= HTTPStatus.INTERNAL_SERVER_ERROR
    if is_temporary and _FAILED_WEBHOOK not in message:
        return UnavailableError(message, _retry_after_seconds(headers))
    return RefusedError(message, code, _causes(status))


def in_one_line(text: str) -> str:
    """Return a text without line breaks, cut to the length of a message."""
    line = " ".join(text.split())
    return line if len(line) <= _MESSAGE_LIMIT else line[: _MESSAGE_LIMIT - 1] + "…"


_BY_CODE: Mapping[int, type[ClusterError]] = {
    HTTPStatus.NOT_FOUND: NotFoundError,
    HTTPStatus.GONE: ExpiredError,
}
_TEMPORARY = (HTTPStatus.UNAUTHORIZED, HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS)


def _status_object(body: bytes) -> Mapping[str, Any]:
    """Return the Status that came with an error; a proxy's page of text is none."""
    try:
        status = json.loads(body)
    except ValueError:
        return {}
    return status if isinstance(status, dict) else {}


def _message(code: int, status: Mapping[str, Any], body: bytes) -> str:
    if status.get("message"):
        return in_one_line(str(status["message"]))
    return in_one_line(f"the API server answered {code}: {body.decode(errors='replace')}")


def _causes(status: Mapping[str, Any]) -> tuple[str, ...]:
    details = status.get("details") or {}
    return tuple(str(cause.get("reason")) for cause in details.get("causes") or ())


def _retry_after_seconds(headers: Mapping[str, str]) -> float | None:
    """Return the header's seconds; its other form, a date, API servers do not send."""
    text = headers.get("Retry-After", "")
    return float(text) if text.isdecimal() else None
