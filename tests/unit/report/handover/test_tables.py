"""The trials as CSV: read back as they are, and harmless in a spreadsheet."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest
from builders import MEMORY, OBJECTIVE, a_finished_trial, a_trial, a_tuning
from handover_builders import a_confirmation, recorded

from deploytune.api.recorded import RecordedTuning
from deploytune.api.trial import AttemptRecord
from deploytune.contract.outcomes import Cause, OutcomeKind
from deploytune.contract.report import Measurement
from deploytune.report.handover.tables import trial_table


def read_back(of: RecordedTuning) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(trial_table(of), newline="")))


def test_a_trial_is_a_row_with_all_that_was_measured() -> None:
    trial = a_finished_trial(3, OutcomeKind.INFEASIBLE, cause=Cause.LIMIT_MISSED, memory=230.25)
    attempts = (
        AttemptRecord(attempt=0, outcome=OutcomeKind.INFRASTRUCTURE, accelerator_seconds=2.5),
        AttemptRecord(
            attempt=1,
            outcome=OutcomeKind.INFEASIBLE,
            accelerator_seconds=4.0,
            node="node-1",
            image_id="registry.example.com/trial@sha256:ab",
        ),
    )
    figures = {**trial.status.metrics, OBJECTIVE: Measurement(value=100.0, half_width=0.125)}
    status = trial.status.replace(
        attempts=attempts, violations={MEMORY: 0.13}, metrics=figures, trial_seconds=6.5
    )

    (row,) = read_back(recorded([trial.model_copy(update={"status": status})]))

    expected = {
        "trial": "tune-3",
        "index": "3",
        "purpose": "Search",
        "confirms": "",
        "pool": "local",
        "parameter.kind": "measure",
        "parameter.size": "1",
        "parameter.level": "3",
        "outcome": "Infeasible",
        "cause": "LimitMissed",
        f"metric.{OBJECTIVE}": "100.0",
        f"half_width.{OBJECTIVE}": "0.125",
        f"metric.{MEMORY}": "230.25",
        f"half_width.{MEMORY}": "",
        f"violation.{MEMORY}": "0.13",
        "seconds": "6.5",
        "accelerator_seconds": "6.5",
        "attempts": "2",
        "node": "node-1",
        "image": "registry.example.com/trial@sha256:ab",
    }
    assert expected == {name: row[name] for name in expected}


def test_a_trial_that_has_not_ended_has_a_row_without_figures() -> None:
    first, second = read_back(recorded([a_finished_trial(0), a_trial(1)]))
    assert ("Feasible", "100.0", "false") == (
        first["outcome"],
        first[f"metric.{OBJECTIVE}"],
        first["uncertain"],
    )
    assert ("", "", "") == (second["outcome"], second[f"metric.{OBJECTIVE}"], second["uncertain"])


def test_a_confirmation_says_what_it_confirms() -> None:
    _, row = read_back(recorded([a_finished_trial(0), a_confirmation(1, of=0)]))
    assert ("Confirm", "0") == (row["purpose"], row["confirms"])


def test_the_objective_and_the_limits_come_first_of_the_metrics() -> None:
    trial = a_finished_trial(0)
    figures = {"accuracy": Measurement(value=0.5), **trial.status.metrics}
    told = trial.model_copy(update={"status": trial.status.replace(metrics=figures)})
    header = trial_table(recorded([told])).splitlines()[0].split(",")
    metrics = [name for name in header if name.startswith("metric.")]
    assert [f"metric.{OBJECTIVE}", f"metric.{MEMORY}", "metric.accuracy"] == metrics


def test_no_trial_at_all_is_a_header() -> None:
    assert 1 == len(trial_table(recorded()).splitlines())


@pytest.mark.parametrize("begin", ["=", "+", "-", "@", "\t", "\r", "\n"])
def test_a_text_that_a_spreadsheet_would_compute_is_disarmed(begin: str) -> None:
    text = f'{begin}HYPERLINK("x"), "y"'
    trial = a_finished_trial(0, parameters={"kind": text, "size": -1, "level": -0.5})
    status = trial.status.replace(message=text)

    (row,) = read_back(recorded([trial.model_copy(update={"status": status})]))

    expected = f"'{text}".replace("\r", "\n")
    assert expected == row["parameter.kind"] == row["message"]
    assert ("-1", "-0.5") == (row["parameter.size"], row["parameter.level"])


@pytest.mark.parametrize(
    ("text", "expected"), [("10 %\r20 %", "10 %\n20 %"), ("one\r\ntwo", "one\r\ntwo")]
)
def test_a_line_break_of_any_kind_stays_in_its_cell(text: str, expected: str) -> None:
    trial = a_finished_trial(0)
    status = trial.status.replace(message=text)
    (row,) = read_back(recorded([trial.model_copy(update={"status": status})]))
    assert expected == row["message"]


def test_a_parameter_that_is_not_active_is_empty() -> None:
    space: list[dict[str, Any]] = [
        {"name": "kind", "type": "Categorical", "values": ["a", "b"], "default": "a"},
        {"name": "on", "type": "Boolean", "when": {"kind": ["b"]}, "default": True},
    ]
    trials = [
        a_finished_trial(0, parameters={"kind": "a"}),
        a_finished_trial(1, parameters={"kind": "b", "on": True}),
    ]
    rows = read_back(recorded(trials, a_tuning(parameters=space)))
    assert ["", "true"] == [row["parameter.on"] for row in rows]
