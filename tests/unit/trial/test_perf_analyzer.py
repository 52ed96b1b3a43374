"""What is read of perf_analyzer's table."""

from __future__ import annotations

import csv

from deploytune_trial.bench.perf_analyzer import figures_of_row

TABLE = """\
Concurrency,Inferences/Second,Client Send,p50 latency,p90 latency,p95 latency,p99 latency
4,2786.69,12,1262,2001,2500,3922
"""


def test_its_microseconds_become_milliseconds() -> None:
    (row,) = csv.DictReader(TABLE.splitlines())

    assert figures_of_row(row) == {"rate": 2786.69, "p50_ms": 1.262, "p99_ms": 3.922}
