"""The trials of a tuning as CSV, one row each, for pandas and for spreadsheets.

    trial, index, purpose, confirms, pool, strategy, search_stage
    parameter.NAME                    empty where the parameter is not active
    outcome, cause, reached_stage, uncertain, message
    metric.KEY, half_width.KEY        in the metric's unit; empty where it was not measured
    violation.KEY                     0 where the limit is met
    seconds, accelerator_seconds      of all attempts
    attempts, node, image             those that ended; node and image of the last
    start_time, completion_time       ISO 8601

A spreadsheet computes a text that begins like a formula. Such a text, which a foreign trial or an
image's name could bring, gets an apostrophe before it; numbers stay as they are.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping

from deploytune.api.recorded import RecordedTuning
from deploytune.api.trial import TuningTrial
from deploytune.api.tuning import DeploymentTuning
from deploytune.contract.models import Scalar

_FORMULA_BEGINS = ("=", "+", "-", "@", "\t", "\r", "\n")

Row = Mapping[str, Scalar | None]


def trial_table(recorded: RecordedTuning) -> str:
    """Return the table as text: a header, then the trials by index."""
    tuning, trials = recorded.tuning, recorded.trials
    columns = tuple(_columns(tuning, trials))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(map(_cell, columns))
    for trial in trials:
        row = _row(trial)
        writer.writerow([_cell(row.get(column)) for column in columns])
    return text.getvalue()


def _columns(tuning: DeploymentTuning, trials: Iterable[TuningTrial]) -> Iterable[str]:
    """Yield the columns; the objective and the limits come first of the metrics."""
    spec = tuning.spec
    wanted = [each.key for each in (*spec.objectives, *spec.constraints)]
    measured = sorted({key for trial in trials for key in trial.status.metrics})
    metrics = tuple(dict.fromkeys([*wanted, *measured]))
    parameters = [parameter.name for parameter in spec.search_space.parameters]
    tried = sorted({name for trial in trials for name in trial.spec.parameters})
    limited = dict.fromkeys(each.key for each in spec.constraints)
    yield from ("trial", "index", "purpose", "confirms", "pool", "strategy", "search_stage")
    yield from (f"parameter.{name}" for name in dict.fromkeys([*parameters, *tried]))
    yield from ("outcome", "cause", "reached_stage", "uncertain", "message")
    for key in metrics:
        yield from (f"metric.{key}", f"half_width.{key}")
    yield from (f"violation.{key}" for key in limited)
    yield from ("seconds", "accelerator_seconds", "attempts", "node", "image")
    yield from ("start_time", "completion_time")


def _row(trial: TuningTrial) -> Row:
    spec, status = trial.spec, trial.status
    last = status.attempts[-1] if status.attempts else None
    return {
        "trial": trial.metadata.name,
        "index": spec.index,
        "purpose": spec.purpose,
        "confirms": spec.confirms,
        "pool": spec.pool,
        "strategy": spec.proposal.strategy,
        "search_stage": spec.proposal.search_stage,
        **{f"parameter.{name}": value for name, value in spec.parameters.items()},
        "outcome": status.outcome,
        "cause": status.cause,
        "reached_stage": status.reached_stage,
        "uncertain": status.uncertain if trial.is_finished else None,
        "message": status.message,
        **{f"metric.{key}": figure.value for key, figure in status.metrics.items()},
        **{f"half_width.{key}": figure.half_width for key, figure in status.metrics.items()},
        **{f"violation.{key}": value for key, value in status.violations.items()},
        "seconds": status.trial_seconds,
        "accelerator_seconds": sum(one.accelerator_seconds for one in status.attempts),
        "attempts": len(status.attempts),
        "node": None if last is None else last.node,
        "image": None if last is None else last.image_id,
        "start_time": status.start_time,
        "completion_time": status.completion_time,
    }


def _cell(value: Scalar | None) -> str | int | float:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str):
        return value
    # `csv` does not quote a bare carriage return, which would end the row.
    text = re.sub("\r(?!\n)", "\n", value)
    return f"'{text}" if text.startswith(_FORMULA_BEGINS) else text
