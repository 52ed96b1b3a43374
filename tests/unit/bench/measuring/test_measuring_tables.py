from __future__ import annotations

import pytest

from deploytune.bench.measuring.playing import play
from deploytune.bench.measuring.tables import (
    answers_held,
    coverage_table,
    generator_table,
    verdict_table,
)
from deploytune.contract.errors import MachineError

VERDICTS = {
    "server": "even",
    "metric": "latency_p95_ms",
    "wrong": 0.005,
    "wrong_fixed": 0.01,
    "undecided": 0.02,
    "seconds": 2.21,
    "seconds_mean": 3.0,
    "seconds_fixed": 15.0,
    "seconds_fixed_same_error": 30.0,
}


def test_verdicts_stand_beside_those_of_fixed_windows() -> None:
    last = verdict_table([VERDICTS]).splitlines()[-1]

    assert last == "| even | `latency_p95_ms` | 0.5 % | 1.0 % | 2.0 % | 2.2 | 3.0 | 30 |"


def test_fixed_windows_that_never_get_as_good_say_so() -> None:
    row = {**VERDICTS, "seconds_fixed_same_error": None}

    assert verdict_table([row]).endswith("| more than 120 |\n")


def test_an_answer_holds_the_truth_of_the_server_by_its_confirmations() -> None:
    near, far = [[10.0, 1.0]] * 4, [[20.0, 1.0]] * 4
    row = {"truth": 10.5, "runs": [near, near, near, far]}

    assert answers_held(row) == 0.75


def test_the_trials_benchmark_ends_badly_in_a_line() -> None:
    with pytest.raises(MachineError, match="ended with code 2"):
        list(play("verdicts", "--repeats=none"))


def test_rows_come_from_the_trials_own_process() -> None:
    rows = list(play("coverage", "--repeats=1", "--server=even"))

    assert {row["server"] for row in rows} == {"even"}
    assert "`throughput`" in coverage_table(rows)


def test_perf_analyzer_has_columns_where_it_ran() -> None:
    figures = {"ours": 900.0, "ours_p99_ms": 1.5, "alone": 1000.0}
    theirs = {"perf_analyzer": 2000.0, "perf_analyzer_p99_ms": 0.75}
    without, beside = (
        generator_table([{"outstanding": 1, **figures, **more}]).splitlines()[-1]
        for more in ({}, theirs)
    )

    assert without == "| 1 | 900 | 1000 | 1.50 |"
    assert beside == "| 1 | 900 | 1000 | 2000 | 1.50 | 0.750 |"


def test_the_load_generator_stands_beside_the_library_alone() -> None:
    table = generator_table(
        [
            {"outstanding": 2, "ours": 900.0, "2": 950.0, "alone": 1000.0},
            {"outstanding": 16, "ours": 4800.4, "2": 6000.0, "4": 7000.0, "alone": 5000.2},
        ]
    )

    assert table.splitlines()[-2:] == [
        "| 2 | 900 | 950 | - | 1000 |",
        "| 16 | 4800 | 6000 | 7000 | 5000 |",
    ]
