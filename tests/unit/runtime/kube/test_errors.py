from __future__ import annotations

import json
from typing import Any

import pytest

from deploytune.contract.errors import ClusterError
from deploytune.runtime.kube.errors import (
    AlreadyExistsError,
    ConflictError,
    ExpiredError,
    NotFoundError,
    RefusedError,
    UnavailableError,
    error_of,
)


def a_status(message: str, **fields: Any) -> bytes:
    return json.dumps({"kind": "Status", "message": message, **fields}).encode()


@pytest.mark.parametrize(
    ("code", "reason", "expected"),
    [
        (400, "BadRequest", RefusedError),
        (401, "Unauthorized", UnavailableError),
        (403, "Forbidden", RefusedError),
        (404, "NotFound", NotFoundError),
        (409, "AlreadyExists", AlreadyExistsError),
        (409, "Conflict", ConflictError),
        (410, "Expired", ExpiredError),
        (422, "Invalid", RefusedError),
        (429, "TooManyRequests", UnavailableError),
        (500, "InternalError", UnavailableError),
        (504, "Timeout", UnavailableError),
    ],
)
def test_every_answer_is_one_error_with_the_servers_words(
    code: int, reason: str, expected: type[ClusterError]
) -> None:
    error = error_of(code, {}, a_status("its words", reason=reason))
    assert (expected, "its words") == (type(error), str(error))


def test_a_webhook_that_cannot_be_called_is_a_refusal_that_somebody_must_mend() -> None:
    message = 'Internal error occurred: failed calling webhook "policy.example.com": no endpoints'
    error = error_of(500, {}, a_status(message, reason="InternalError"))
    assert (RefusedError, message) == (type(error), str(error))


def test_a_field_that_an_older_crd_does_not_know_is_a_refusal_that_says_what_to_do() -> None:
    message = (
        "failed to create typed patch object (ml/tune-0; deploytune.dev/v1alpha1, "
        "Kind=TuningTrial): .status.attempts[0].devices: field not declared in schema"
    )
    error = error_of(500, {}, a_status(message, reason="InternalError"))
    said = f"the CRDs are older than the operator: apply those of its version; {message}"
    assert (RefusedError, said) == (type(error), str(error))


def test_a_namespace_that_is_ending_is_told_from_a_quota() -> None:
    ending = {"causes": [{"reason": "NamespaceTerminating"}]}
    refusals = [
        error_of(403, {}, a_status("forbidden", details=details)) for details in (ending, {}, None)
    ]
    assert [True, False, False] == [
        isinstance(each, RefusedError) and each.is_namespace_ending for each in refusals
    ]


def test_a_page_of_a_proxy_becomes_one_short_line() -> None:
    error = error_of(502, {}, b"<html>\n<body>Bad gateway</body>\n" + b"x" * 5000)
    assert str(error).startswith("the API server answered 502: <html> <body>Bad gateway</body> xx")
    assert 512 == len(str(error))


@pytest.mark.parametrize(
    ("headers", "expected"),
    [({"Retry-After": "7"}, 7.0), ({}, None), ({"Retry-After": "Fri, 31 Dec 2027"}, None)],
)
def test_the_rest_asked_for_is_kept(headers: dict[str, str], expected: float | None) -> None:
    error = error_of(429, headers, b"")
    assert isinstance(error, UnavailableError)
    assert expected == error.retry_after_seconds
