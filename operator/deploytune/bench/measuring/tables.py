"""The rows of the trial's benchmarks as markdown tables."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from types import MappingProxyType

from deploytune.bench.measuring.playing import Row
from deploytune.contract.report import Measurement
from deploytune.state.repeated import combine_repeated

_NONE = "-"
_WHOLE = 100
"""Figures from here on are shown without decimals."""


_VERDICTS = (
    ("server", "limit on", "wrong outside the zone", "wrong, fixed 3 x 5 s", "left open"),
    ("seconds, median", "seconds, mean", "fixed windows at the same error, seconds"),
)

_COVERAGE = (
    ("server", "metric", "requests", "a run's interval holds its truth", "has none"),
    ("half-width", "an answer's interval holds the server's"),
)


def verdict_table(rows: Sequence[Row]) -> str:
    """Return errors and seconds of the sequential test beside those of fixed windows."""
    return _table(
        _VERDICTS,
        [
            (
                row["server"],
                f"`{row['metric']}`",
                _percent(row["wrong"]),
                _percent(row["wrong_fixed"]),
                _percent(row["undecided"]),
                f"{row['seconds']:.1f}",
                f"{row['seconds_mean']:.1f}",
                _number(row["seconds_fixed_same_error"]),
            )
            for row in rows
        ],
    )


def coverage_table(rows: Sequence[Row]) -> str:
    """Return how often intervals hold: a run's for its own truth, an answer's for the server's."""
    return _table(
        _COVERAGE,
        [
            (
                row["server"],
                f"`{row['metric']}`",
                str(row["requests"]),
                _percent(row["held"]),
                _percent(row["without_interval"]),
                _percent(row["relative_width"]),
                _percent(answers_held(row)),
            )
            for row in rows
        ],
    )


def generator_table(rows: Sequence[Row]) -> str:
    """Return what the load generator sends and sees beside the library and perf_analyzer."""
    several = sorted({int(key) for row in rows for key in row if key.isdecimal()})
    columns = {
        "ours": "one process, requests/s",
        **{str(number): str(number) for number in several},
        "alone": "client library alone, one process",
        "perf_analyzer": "perf_analyzer",
        "ours_p50_ms": "p50, ms",
        "perf_analyzer_p50_ms": "perf_analyzer's",
        "ours_p99_ms": "p99, ms",
        "perf_analyzer_p99_ms": "perf_analyzer's",
    }
    there = [column for column in columns if any(column in row for row in rows)]
    titles = ("outstanding", *(columns[column] for column in there))
    return _table(
        (titles,),
        [(str(row["outstanding"]), *(_figure(row.get(one)) for one in there)) for row in rows],
    )


def answers_held(row: Row) -> float:
    """Return the share of answers whose interval, of search and confirmations, holds the truth."""
    held = []
    for group in row["runs"]:
        searched, *confirmed = (Measurement(value=value, half_width=w) for value, w in group)
        answer = combine_repeated(confirmed, searched)
        assert answer.half_width is not None
        held.append(abs(answer.value - row["truth"]) <= answer.half_width)
    return statistics.fmean(held)


def _table(titles: Sequence[Sequence[str]], rows: Sequence[Sequence[str]]) -> str:
    heading = [title for group in titles for title in group]
    lines = [heading, ["---"] * len(heading), *rows]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def _figure(value: float | None) -> str:
    return _NONE if value is None else f"{value:#.3g}" if value < _WHOLE else f"{value:.0f}"


def _percent(share: float | None) -> str:
    return _NONE if share is None else f"{100 * share:.1f} %"


def _number(value: float | None) -> str:
    return "more than 120" if value is None else f"{value:g}"


TABLES = MappingProxyType(
    {"verdicts": verdict_table, "coverage": coverage_table, "generators": generator_table}
)
"""The table of each of the trial's benchmarks."""
