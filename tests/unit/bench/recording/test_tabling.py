"""The table of a recording: every configuration, drift taken out of latencies, nothing private."""

from __future__ import annotations

import json
from typing import Any

import pytest
from recording_builders import (
    EVERY,
    MEMORY,
    P50,
    P95,
    SPACE,
    a_crash,
    a_line,
    a_recording,
    an_anchor,
    the_results,
)

from deploytune.bench.recording.lines import Line
from deploytune.bench.recording.tabling import build_table, drift_of
from deploytune.bench.search.recorded.table import parse_table
from deploytune.contract.errors import InvalidTuningError
from deploytune.contract.outcomes import OutcomeKind


def table_of(lines: list[Line]) -> dict[str, Any]:
    fields: dict[str, Any] = json.loads(build_table(the_results(lines)))
    return fields


def test_a_table_reads_back_as_what_was_measured() -> None:
    lines = [*a_recording(), a_line(EVERY[1], p95=7.0), a_crash(EVERY[2])]
    table = parse_table(build_table(the_results(lines)), "test")
    assert [5.0, 7.0] == [one.metrics[P95] for one in table.of(EVERY[1])]
    kinds = [one.outcome for one in table.of(EVERY[2])]
    assert [OutcomeKind.FEASIBLE, OutcomeKind.CRASHED] == kinds
    assert [6.0, 3.0] == [one.seconds for one in table.of(EVERY[2])]


def test_anchors_are_no_measurements_of_their_configuration() -> None:
    table = parse_table(build_table(the_results(a_recording())), "test")
    assert [1] * len(EVERY) == [len(table.of(one)) for one in EVERY]


def test_latencies_are_divided_by_the_drift_and_nothing_else_is() -> None:
    """The machine is usual at first, and twice as slow from 100 s on."""
    anchors = [an_anchor(2.0, ended=time) for time in (-30.0, -20.0, -10.0, 0.0)]
    slow = [an_anchor(4.0, ended=time) for time in (100.0, 110.0, 120.0)]
    between = [a_line(one, p95=6.0, p50=3.0, ended=50.0) for one in EVERY]
    table = parse_table(build_table(the_results([*anchors, *between, *slow])), "test")
    (one,) = table.of(EVERY[0])
    assert (4.0, 2.0) == (one.metrics[P95], one.metrics[P50])
    assert (100.0, 6.0) == (one.metrics[MEMORY], one.seconds)


@pytest.mark.parametrize(
    ("time", "factor"), [(-5.0, 1.0), (0.0, 1.0), (10.0, 1.0), (25.0, 1.1), (90.0, 1.2)]
)
def test_drift_is_a_line_between_anchors_and_stays_beyond_them(time: float, factor: float) -> None:
    steps = ((0.0, 2.0), (10.0, 2.0), (20.0, 2.0), (30.0, 2.4), (40.0, 2.4))
    anchors = [an_anchor(p50, ended=ended) for ended, p50 in steps]
    assert factor == pytest.approx(drift_of(anchors).at(time))


def test_one_disturbed_anchor_is_no_drift() -> None:
    anchors = [an_anchor(p50, ended=ended) for ended, p50 in enumerate((2.0, 2.0, 9.0, 2.0, 2.0))]
    assert {1.0} == set(drift_of(anchors).factors)


def test_a_table_says_where_when_and_with_what_it_was_recorded() -> None:
    recorded = table_of(a_recording())["recorded"]
    assert ("a toaster", 2, 6) == (recorded["cpu"], recorded["cores"], recorded["trials"])
    assert {"python": "3.11.7", "tritonserver": "2.51.0"} == recorded["versions"]
    assert "1970-01-01 00:00Z" == recorded["from"]


def test_a_configuration_has_a_line_of_its_own() -> None:
    lines = build_table(the_results(a_recording())).splitlines()
    assert len(EVERY) == sum(line.startswith('{"parameters"') for line in lines)


def test_a_failure_shows_its_cause_and_stage_and_no_metrics() -> None:
    rows = table_of([*a_recording(), a_crash(EVERY[2])])["configurations"]
    row = next(row for row in rows if SPACE.key(row["parameters"]) == SPACE.key(EVERY[2]))
    expected = {"outcome": "Crashed", "seconds": 3.0, "cause": "OutOfMemory", "stage": "Build"}
    assert expected == row["measured"][1]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        pytest.param(a_recording()[:-2], "must hold every configuration", id="a gap"),
        pytest.param([a_line(one) for one in EVERY], "anchor: must have been", id="no anchor"),
        pytest.param([], "anchor: must have been", id="nothing"),
    ],
)
def test_half_a_recording_makes_no_table(lines: list[Line], message: str) -> None:
    with pytest.raises(InvalidTuningError, match=message):
        build_table(the_results(lines))
