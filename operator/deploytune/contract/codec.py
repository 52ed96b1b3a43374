"""Requests and reports as bytes; a report fits the 4,096 bytes of a termination message.

What does not fit is dropped in a fixed order, least needed for the decision first, and named in
`dropped`. Decoding trusts nothing: whatever is wrong with the bytes is a TrialContractError.
"""

from __future__ import annotations

from typing import TypeVar

from pydantic import ValidationError

from deploytune.contract.errors import TrialContractError
from deploytune.contract.models import ContractModel
from deploytune.contract.report import Breadcrumb, TrialReport
from deploytune.contract.request import CONTRACT_VERSION, TrialRequest

MAX_MESSAGE_BYTES = 4096
"""Bound of a container's termination message; Kubernetes cuts what is longer."""

_SHORT_MESSAGE = 256
_Model = TypeVar("_Model", bound=ContractModel)


def encode_request(request: TrialRequest) -> str:
    """Return the request as the trial's environment carries it."""
    return request.to_json()


def decode_request(text: str | bytes) -> TrialRequest:
    """Read a request.

    Raises:
        TrialContractError: not JSON, a field breaks its rule, or the version is too far away.
    """
    return _decode(TrialRequest, text)


def encode_breadcrumb(breadcrumb: Breadcrumb) -> bytes:
    """Return the breadcrumb as a termination message."""
    return breadcrumb.to_json().encode()


def encode_report(report: TrialReport, limit_bytes: int = MAX_MESSAGE_BYTES) -> bytes:
    """Return the report as at most `limit_bytes` bytes, dropping in order what does not fit.

    Raises:
        TrialContractError: even the bare outcome does not fit.
    """
    for smaller in _ever_smaller(report):
        message = smaller.to_json().encode()
        if len(message) <= limit_bytes:
            return message
    raise TrialContractError(f"report of {report.trial} does not fit {limit_bytes} bytes")


def decode_message(message: bytes) -> TrialReport | Breadcrumb:
    """Read a termination message: a report, or the last breadcrumb.

    Raises:
        TrialContractError: too long, not JSON, a field breaks its rule, an unknown version.
    """
    if len(message) > MAX_MESSAGE_BYTES:
        raise TrialContractError(
            f"message must have at most {MAX_MESSAGE_BYTES} bytes, got {len(message)}"
        )
    if b'"outcome"' in message:
        return _decode(TrialReport, message)
    return _decode(Breadcrumb, message)


def _ever_smaller(report: TrialReport) -> list[TrialReport]:
    steps = [report]
    smaller = report
    for field, empty in (
        ("facts", {}),
        ("message", report.message[:_SHORT_MESSAGE]),
        ("stage_seconds", {}),
        ("metrics", {key: m.replace(half_width=None) for key, m in report.metrics.items()}),
        ("message", ""),
        ("metrics", {}),
    ):
        if getattr(smaller, field) == empty:
            continue
        named = dict.fromkeys((*smaller.dropped, field))
        smaller = smaller.model_copy(update={field: empty, "dropped": tuple(named)})
        steps.append(smaller)
    return steps


def _decode(model: type[_Model], text: str | bytes) -> _Model:
    """Read the version first: of a message too far away nothing else may be understood."""
    version = _read(_Versioned, text).version
    if abs(version - CONTRACT_VERSION) > 1:
        raise TrialContractError(
            f"version: must be within one of {CONTRACT_VERSION}, got {version}"
        )
    return _read(model, text)


def _read(model: type[_Model], text: str | bytes) -> _Model:
    try:
        return model.model_validate_json(text, strict=True, extra="ignore")
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "message"
        raise TrialContractError(f"{place}: {first['msg']}") from error


class _Versioned(ContractModel):
    """What every message has in common."""

    version: int = CONTRACT_VERSION
