"""Makes the table that DeployBench replays from the lines of a recording.

The machine's drift is taken out: every latency is divided by what the anchor's median latency was
around that time, relative to what it was over the whole recording. What it was is the median of
three anchors, so that one disturbed anchor moves nothing, and a straight line between them.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from statistics import median
from typing import Any

from deploytune.api.translate import load_problem
from deploytune.bench.recording.lines import Line, Results
from deploytune.bench.recording.rounds import ANCHOR_EVERY, Role
from deploytune.bench.search.recorded.table import FORMAT, SEARCHED
from deploytune.contract.errors import InvalidTuningError
from deploytune.contract.metrics import split_metric_key
from deploytune.search.space import Key, Space

_LATENCY = "latency_"
_TYPICAL = "latency_p50_ms"
_KEPT = ("accuracy", "server_memory_mib", "latency_mean_ms", "latency_p50_ms", "latency_p95_ms")
_DIGITS = 5
_TRITON = "tritonVersion"


@dataclass(frozen=True)
class Drift:
    """How much slower than usual the machine was, by the time in seconds: 1 is usual."""

    times: tuple[float, ...]
    factors: tuple[float, ...]

    def at(self, time: float) -> float:
        """Return the factor at a time; before the first and after the last it stays."""
        after = bisect_right(self.times, time)
        if after in (0, len(self.times)):
            return self.factors[min(after, len(self.times) - 1)]
        before = after - 1
        share = (time - self.times[before]) / (self.times[after] - self.times[before])
        return self.factors[before] + share * (self.factors[after] - self.factors[before])


def drift_of(lines: Sequence[Line]) -> Drift:
    """Return the drift that the anchors show.

    Raises:
        InvalidTuningError: there is no anchor that was measured.
    """
    anchors = [
        (line.ended, value)
        for line in lines
        if line.role is Role.ANCHOR
        for key, value in line.metrics.items()
        if split_metric_key(key)[0] == _TYPICAL
    ]
    if not anchors:
        raise InvalidTuningError("anchor", "must have been measured, no latency of it is there")
    values = [value for _, value in anchors]
    usual = median(values)
    smooth = [median(values[max(place - 1, 0) : place + 2]) for place in range(len(values))]
    return Drift(tuple(time for time, _ in anchors), tuple(value / usual for value in smooth))


def build_table(results: Results) -> str:
    """Return the table as text, one line a configuration.

    Raises:
        InvalidTuningError: a configuration, or the anchor, was not measured.
    """
    question = results.heading.question
    asked = {name: question[name] for name in SEARCHED}
    space = load_problem({**asked, "budget": {"maxTrials": 1}}).space
    drift, keys = drift_of(results.lines), _keys(results.lines)
    measured = _by_configuration(space, results.lines)
    rows = []
    for configuration in space.configurations():
        lines = measured.get(space.key(configuration))
        if lines is None:
            raise InvalidTuningError("results", "must hold every configuration", configuration)
        trials = [_measurement(line, keys, drift.at(line.ended)) for line in lines]
        rows.append({"parameters": configuration, "measured": trials})
    return _text({**_about(results, drift), "metrics": keys}, rows)


def _text(fields: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> str:
    lines = [f"{json.dumps(name)}: {json.dumps(value)}" for name, value in fields.items()]
    body = ",\n".join(json.dumps(row, separators=(",", ":")) for row in rows)
    return "{" + ",\n".join(lines) + f',\n"configurations": [\n{body}\n]}}\n'


def _about(results: Results, drift: Drift) -> dict[str, Any]:
    heading, lines = results.heading, results.lines
    circumstances = asdict(heading.circumstances)
    triton = next((str(one.facts[_TRITON]) for one in lines if _TRITON in one.facts), None)
    if triton is not None:
        circumstances["versions"]["tritonserver"] = triton
    return {
        "format": FORMAT,
        "recorded": {
            "from": _date(lines[0].ended),
            "to": _date(lines[-1].ended),
            "trials": len(lines),
            "orderSeed": heading.seed,
            **circumstances,
        },
        "question": heading.question,
        "anchor": {
            "parameters": heading.anchor,
            "every": ANCHOR_EVERY,
            "drift": [
                [round(time - lines[0].ended), round(factor, 4)]
                for time, factor in zip(drift.times, drift.factors, strict=True)
            ],
        },
    }


def _by_configuration(space: Space, lines: Sequence[Line]) -> dict[Key, list[Line]]:
    measured: dict[Key, list[Line]] = {}
    for line in lines:
        if line.role is Role.CONFIGURATION:
            measured.setdefault(space.key(line.parameters), []).append(line)
    return measured


def _keys(lines: Sequence[Line]) -> list[str]:
    there = dict.fromkeys(key for line in lines for key in line.metrics)
    return [key for key in there if split_metric_key(key)[0] in _KEPT]


def _measurement(line: Line, keys: Sequence[str], drift: float) -> dict[str, Any]:
    fields: dict[str, Any] = {"outcome": line.outcome, "seconds": round(line.seconds, 1)}
    if line.cause is not None:
        fields["cause"] = line.cause
    if line.stage is not None and not line.metrics.keys() >= set(keys):
        fields["stage"] = line.stage
    values = [_kept(key, line.metrics.get(key), drift) for key in keys]
    if any(value is not None for value in values):
        fields["metrics"] = values
    return fields


def _kept(key: str, value: float | None, drift: float) -> float | None:
    if value is None:
        return None
    undrifted = value / drift if key.startswith(_LATENCY) else value
    return float(f"{undrifted:.{_DIGITS}g}")


def _date(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M}Z"
