"""What was once written must be read for ever, and written the same.

A golden file is changed only together with the contract's version.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from contract_builders import a_breadcrumb, a_report, a_request

from deploytune.contract.codec import (
    decode_message,
    decode_request,
    encode_breadcrumb,
    encode_report,
    encode_request,
)
from deploytune.contract.errors import TrialContractError
from deploytune.contract.report import TrialReport

GOLDEN = Path(__file__).parent / "golden"


def encode(message: Any) -> bytes:
    return (
        encode_report(message) if isinstance(message, TrialReport) else encode_breadcrumb(message)
    )


CASES = {
    "request.json": (a_request, decode_request, lambda request: encode_request(request).encode()),
    "report.json": (a_report, decode_message, encode),
    "breadcrumb.json": (a_breadcrumb, decode_message, encode),
}


def golden(name: str, **changes: Any) -> bytes:
    values = json.loads((GOLDEN / name).read_text())
    return json.dumps({**values, **changes}).encode()


@pytest.mark.parametrize(("name", "case"), CASES.items(), ids=CASES)
def test_the_file_reads_as_what_was_meant(
    name: str, case: tuple[Callable[[], Any], Callable[[bytes], Any], Callable[[Any], bytes]]
) -> None:
    build, decode, _ = case

    assert decode(golden(name)) == build()


@pytest.mark.parametrize(("name", "case"), CASES.items(), ids=CASES)
def test_what_is_meant_is_written_as_the_file(
    name: str, case: tuple[Callable[[], Any], Callable[[bytes], Any], Callable[[Any], bytes]]
) -> None:
    build, _, write = case

    assert json.loads(write(build())) == json.loads(golden(name))


@pytest.mark.parametrize(("name", "case"), CASES.items(), ids=CASES)
def test_the_next_version_is_read_and_its_new_fields_are_passed_over(
    name: str, case: tuple[Callable[[], Any], Callable[[bytes], Any], Callable[[Any], bytes]]
) -> None:
    build, decode, _ = case

    newer = decode(golden(name, version=2, newField={"a": [1]}))

    assert newer == build().replace(version=2)


@pytest.mark.parametrize("version", [-1, 3, 99])
@pytest.mark.parametrize(("name", "case"), CASES.items(), ids=CASES)
def test_a_version_further_away_is_refused(
    name: str,
    case: tuple[Callable[[], Any], Callable[[bytes], Any], Callable[[Any], bytes]],
    version: int,
) -> None:
    _, decode, _ = case

    with pytest.raises(TrialContractError, match=f"^version: .* got {version}$"):
        decode(golden(name, version=version))


def test_unknown_fields_inside_are_passed_over_too() -> None:
    metrics = {"accuracy": {"value": 0.5, "newField": 1}}

    report = decode_message(golden("report.json", version=2, metrics=metrics))

    assert isinstance(report, TrialReport)
    assert report.metrics["accuracy"].value == 0.5
