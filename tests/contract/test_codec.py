from __future__ import annotations

import json
from typing import Any

import pytest
from contract_builders import a_breadcrumb, a_report, a_request

from deploytune.contract.codec import (
    MAX_MESSAGE_BYTES,
    decode_message,
    decode_request,
    encode_report,
)
from deploytune.contract.errors import TrialContractError
from deploytune.contract.report import Measurement, TrialReport

FULL = {
    "facts": {f"fact{number}": "x" * 100 for number in range(20)},
    "message": "m" * 1024,
    "metrics": {f"metric{n}": Measurement(value=n + 0.5, half_width=0.25) for n in range(30)},
    "dropped": (),
}


def report_with(**changes: Any) -> bytes:
    return json.dumps({**json.loads(a_report().to_json()), **changes}).encode()


def decoded(report: TrialReport, limit_bytes: int = MAX_MESSAGE_BYTES) -> TrialReport:
    read = decode_message(encode_report(report, limit_bytes))
    assert isinstance(read, TrialReport)
    return read


def test_what_fits_is_kept_whole() -> None:
    report = a_report(dropped=())

    assert decoded(report) == report


@pytest.mark.parametrize(
    ("limit_bytes", "expected"),
    [
        (4096, ("facts",)),
        (2000, ("facts", "message")),
        (1780, ("facts", "message", "stage_seconds")),
        (1500, ("facts", "message", "stage_seconds", "metrics")),
    ],
)
def test_what_is_needed_least_is_dropped_first(limit_bytes: int, expected: tuple[str, ...]) -> None:
    assert decoded(a_report(**FULL), limit_bytes).dropped == expected


def test_values_stay_longer_than_their_intervals() -> None:
    metrics = decoded(a_report(**FULL), 1300).metrics

    assert [n + 0.5 for n in range(30)] == [one.value for one in metrics.values()]
    assert {one.half_width for one in metrics.values()} == {None}


def test_at_the_very_last_only_the_outcome_stays() -> None:
    report = decoded(a_report(**FULL), 300)

    assert (report.outcome, report.cause) == (a_report().outcome, a_report().cause)
    assert (report.metrics, report.message) == ({}, "")


def test_a_report_that_cannot_be_made_small_enough_is_refused() -> None:
    expected = "report of digits-7 does not fit 100 bytes"

    with pytest.raises(TrialContractError, match=expected):
        encode_report(a_report(), 100)


def test_a_message_without_an_outcome_is_a_breadcrumb() -> None:
    assert decode_message(a_breadcrumb().to_json().encode()) == a_breadcrumb()


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        pytest.param(b"", "message: Invalid JSON: ", id="nothing"),
        pytest.param(b"\x00\xff", "message: Invalid JSON: ", id="no text"),
        pytest.param(b"null", "message: Input should be an object", id="no object"),
        pytest.param(b"x" * 4097, "message must have at most 4096 bytes, got 4097", id="too long"),
        pytest.param(b'{"outcome":' + b"[" * 4000, "message: Invalid JSON: ", id="deep nesting"),
        pytest.param(
            report_with(metrics={"a": {"value": float("nan")}}),
            "metrics.a.value: Input should be a finite number",
            id="NaN",
        ),
        pytest.param(
            report_with(metrics={"a": {"value": float("inf")}}),
            "metrics.a.value: Input should be a finite number",
            id="infinity",
        ),
        pytest.param(
            report_with(metrics={"a": {"value": 1e300}}),
            "metrics.a.value: Input should be less than or equal to",
            id="a number that no metric has",
        ),
        pytest.param(
            report_with(metrics={"a": {"value": "1"}}),
            "metrics.a.value: Input should be a valid number",
            id="a number as a string",
        ),
        pytest.param(
            report_with(metrics={"a": {"value": 1, "halfWidth": -1}}),
            "metrics.a.halfWidth: Input should be greater than or equal to 0",
            id="a negative half-width",
        ),
        pytest.param(
            report_with(index=-1),
            "index: Input should be greater than or equal to 0",
            id="a negative index",
        ),
        pytest.param(
            report_with(stageSeconds={"Load": -1}),
            "stageSeconds.Load: Input should be greater than or equal to 0",
            id="negative seconds",
        ),
        pytest.param(
            report_with(stageSeconds={"Lunch": 1}),
            "stageSeconds.Lunch.[key]: Input should be 'Load'",
            id="an unknown stage",
        ),
        pytest.param(
            report_with(outcome="Great"),
            "outcome: Input should be 'Feasible'",
            id="an unknown outcome",
        ),
        pytest.param(
            report_with(facts={"a": [1]}),
            "facts.a.bool: Input should be a valid boolean",
            id="a fact that is a list",
        ),
        pytest.param(
            report_with(facts={"a": "x" * 1025}),
            "facts.a.bool: Input should be a valid boolean",
            id="a fact that is too long",
        ),
    ],
)
def test_a_broken_message_is_refused_with_its_place(message: bytes, expected: str) -> None:
    with pytest.raises(TrialContractError) as caught:
        decode_message(message)

    assert str(caught.value).startswith(expected)


def test_the_version_is_told_before_anything_else() -> None:
    with pytest.raises(TrialContractError, match=r"^version: must be within one of 1, got 9$"):
        decode_message(b'{"outcome": "Splendid", "version": 9}')


def test_a_request_may_be_longer_than_a_report() -> None:
    request = a_request(parameters={f"p{number}": "x" * 200 for number in range(40)})

    assert decode_request(request.to_json()) == request
