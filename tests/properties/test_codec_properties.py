from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from contract_builders import a_breadcrumb, a_report, a_request
from hypothesis import given
from hypothesis import strategies as st

from deploytune.contract.codec import (
    MAX_MESSAGE_BYTES,
    decode_message,
    decode_request,
    encode_breadcrumb,
    encode_report,
    encode_request,
)
from deploytune.contract.errors import TrialContractError
from deploytune.contract.outcomes import Cause, OutcomeKind
from deploytune.contract.report import Breadcrumb, Measurement, TrialReport
from deploytune.contract.stages import Stage

NUMBERS = st.floats(-1e15, 1e15)
SECONDS = st.floats(0, 1e15)
KEYS = st.text(min_size=1, max_size=200)
SCALARS = st.booleans() | st.integers(-(2**60), 2**60) | NUMBERS | st.text(max_size=1024)

MEASUREMENTS = st.builds(Measurement, value=NUMBERS, half_width=st.none() | SECONDS)
REPORTS = st.builds(
    TrialReport,
    trial=st.just("digits-7"),
    index=st.integers(0, 10_000),
    attempt=st.integers(0, 20),
    outcome=st.sampled_from(OutcomeKind),
    cause=st.none() | st.sampled_from(Cause),
    message=st.text(max_size=1024) | st.text('\x01\\"é', min_size=900, max_size=1024),
    stage=st.sampled_from(Stage),
    uncertain=st.booleans(),
    metrics=st.dictionaries(KEYS, MEASUREMENTS, max_size=40),
    stage_seconds=st.dictionaries(st.sampled_from(Stage), SECONDS),
    waited_seconds=SECONDS,
    facts=st.dictionaries(KEYS, SCALARS, max_size=20),
)

MESSAGES = {
    "report": (decode_message, a_report().to_json()),
    "breadcrumb": (decode_message, a_breadcrumb().to_json()),
    "request": (decode_request, a_request().to_json()),
}
EACH = pytest.mark.parametrize("name", MESSAGES)

JSON_VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=8,
)


@given(REPORTS)
def test_a_report_never_exceeds_the_termination_message(report: TrialReport) -> None:
    assert len(encode_report(report)) <= MAX_MESSAGE_BYTES


@given(REPORTS)
def test_what_is_missing_from_a_report_is_named(report: TrialReport) -> None:
    decoded = decode_message(encode_report(report))

    assert isinstance(decoded, TrialReport)
    changed = {
        name
        for name in TrialReport.model_fields
        if name != "dropped" and getattr(decoded, name) != getattr(report, name)
    }
    assert set(decoded.dropped) == changed


@given(REPORTS)
def test_the_outcome_is_never_dropped(report: TrialReport) -> None:
    decoded = decode_message(encode_report(report))

    assert isinstance(decoded, TrialReport)
    kept = ("trial", "index", "attempt", "outcome", "cause", "stage", "uncertain")
    assert [getattr(report, name) for name in kept] == [getattr(decoded, name) for name in kept]


@given(st.sampled_from(Stage), SECONDS, st.none() | NUMBERS)
def test_a_breadcrumb_is_read_as_written(stage: Stage, waited: float, since: float | None) -> None:
    breadcrumb = Breadcrumb(stage=stage, waited_seconds=waited, waiting_since=since)

    assert decode_message(encode_breadcrumb(breadcrumb)) == breadcrumb


@given(st.dictionaries(st.text(max_size=20), SCALARS, max_size=64), st.integers(0, 2**63 - 1))
def test_a_request_is_read_as_written(parameters: dict[str, Any], seed: int) -> None:
    request = a_request(parameters=parameters, seed=seed)

    decoded = decode_request(encode_request(request))

    assert decoded == request
    assert [type(value) for value in decoded.parameters.values()] == [
        type(value) for value in parameters.values()
    ]


def read_or_refuse(name: str, message: bytes) -> None:
    decode, _ = MESSAGES[name]
    with suppress(TrialContractError):
        decode(message)


@EACH
@given(message=st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(name: str, message: bytes) -> None:
    read_or_refuse(name, message)


@EACH
@given(value=JSON_VALUES)
def test_any_json_is_read_or_refused(name: str, value: Any) -> None:
    read_or_refuse(name, json.dumps(value).encode())


@EACH
@given(data=st.data())
def test_a_good_message_with_any_field_replaced_is_read_or_refused(
    name: str, data: st.DataObject
) -> None:
    values = json.loads(MESSAGES[name][1])
    field = data.draw(st.sampled_from(sorted(values)))

    values[field] = data.draw(JSON_VALUES)

    read_or_refuse(name, json.dumps(values).encode())


@EACH
@given(data=st.data())
def test_a_good_message_with_any_bytes_lost_is_read_or_refused(
    name: str, data: st.DataObject
) -> None:
    message = MESSAGES[name][1].encode()
    start = data.draw(st.integers(0, len(message)))
    end = data.draw(st.integers(start, len(message)))

    read_or_refuse(name, message[:start] + message[end:])
