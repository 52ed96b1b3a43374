"""The schemas are those of the models, and the page about the contract leaves nothing out."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from contract_builders import a_report
from jsonschema import Draft202012Validator

from deploytune.contract import request
from deploytune.contract.codec import MAX_MESSAGE_BYTES, decode_message, encode_report
from deploytune.contract.exit_codes import TrialExit
from deploytune.contract.models import ContractModel
from deploytune.contract.outcomes import Cause, OutcomeKind
from deploytune.contract.report import Breadcrumb, TrialReport
from deploytune.contract.request import CONTRACT_VERSION, TrialRequest
from deploytune.contract.schemas import build_schema, schema_files
from deploytune.contract.stages import Stage

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "operator/docs/trial-contract.md").read_text(encoding="utf-8")
GOLDEN = Path(__file__).parent / "golden"
MESSAGES: dict[str, type[ContractModel]] = {
    "request": TrialRequest,
    "breadcrumb": Breadcrumb,
    "report": TrialReport,
}


def golden(name: str, **changes: Any) -> Any:
    return {**json.loads((GOLDEN / f"{name}.json").read_bytes()), **changes}


def accepts(name: str, document: Any) -> bool:
    return bool(Draft202012Validator(build_schema(MESSAGES[name])).is_valid(document))


@pytest.mark.parametrize(("name", "text"), list(schema_files()))
def test_the_published_schemas_are_those_of_the_models(name: str, text: str) -> None:
    assert text == (ROOT / "operator/docs/contract" / name).read_text(encoding="utf-8")


def test_a_schema_that_differs_fails_the_check_and_is_named(tmp_path: Path) -> None:
    for name, text in schema_files():
        (tmp_path / name).write_text(text.replace("outcome", "result"))

    command = [sys.executable, "-m", "deploytune.contract.schemas", "--check", str(tmp_path)]
    checked = subprocess.run(command, capture_output=True, text=True, check=False)

    assert 1 == checked.returncode
    assert ["report.schema.json"] == re.findall(r"[a-z]+\.schema\.json", checked.stderr)


@pytest.mark.parametrize("name", MESSAGES)
def test_a_schema_is_one_and_takes_what_was_ever_written(name: str) -> None:
    Draft202012Validator.check_schema(build_schema(MESSAGES[name]))
    assert accepts(name, golden(name))
    assert accepts(name, golden(name, newField={"a": [1]}))


def test_a_report_as_it_is_written_is_of_its_schema() -> None:
    assert accepts("report", json.loads(encode_report(a_report())))


@pytest.mark.parametrize(
    "changes",
    [
        {"outcome": "Wonderful"},
        {"stage": "Lunch"},
        {"index": -1},
        {"trial": "Not_A_Label"},
        {"metrics": {"accuracy": 0.9}},
        {"metrics": {"accuracy": {"value": 0.9, "halfWidth": -1}}},
        {"message": "x" * 1025},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_what_the_operator_refuses_is_not_of_the_schema(changes: dict[str, Any]) -> None:
    assert not accepts("report", golden("report", **changes))


@pytest.mark.parametrize("word", [*Stage, *OutcomeKind, *Cause])
def test_the_page_has_every_stage_outcome_and_cause(word: str) -> None:
    assert f"`{word}`" in PAGE


@pytest.mark.parametrize(
    "variable", sorted(value for name, value in vars(request).items() if name.endswith("_VARIABLE"))
)
def test_the_page_has_every_variable(variable: str) -> None:
    assert f"`{variable}`" in PAGE


@pytest.mark.parametrize("model", [TrialRequest, TrialReport])
def test_the_page_has_every_field(model: type[ContractModel]) -> None:
    fields = [field.alias for field in model.model_fields.values()]

    assert [] == [field for field in fields if f"`{field}`" not in PAGE]


def test_the_page_has_every_exit_code_and_the_version_and_the_bound() -> None:
    codes = re.findall(r"^\| (\d+) \|", PAGE, flags=re.MULTILINE)

    assert [int(code) for code in TrialExit] == [int(code) for code in codes]
    assert f"Version {CONTRACT_VERSION}." in PAGE
    assert f"{MAX_MESSAGE_BYTES} bytes" in PAGE


def test_the_messages_on_the_page_are_read() -> None:
    examples = re.findall(r"^    (\{.*?\}\n)\n", PAGE, flags=re.MULTILINE | re.DOTALL)

    breadcrumb, report = (decode_message(example.encode()) for example in examples)

    assert Breadcrumb(stage=Stage.BUILD) == breadcrumb
    assert isinstance(report, TrialReport)
