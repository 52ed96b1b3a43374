"""The table of all trials: what is shown of each, and by what it is filtered and sorted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from deploytune.api.trial import TuningTrial
from deploytune.report.html.story import Story, measured_value
from deploytune.report.wording import describe_parameters, describe_seconds, describe_value

RUNNING = "Running"


@dataclass(frozen=True)
class Cell:
    """A text, and what it is sorted by where that is another: numbers, by their value."""

    text: str
    sorts_as: float | str


@dataclass(frozen=True)
class Row:
    """A trial: its name, index, the words that filters compare, and its cells."""

    name: str
    index: int
    outcome: str
    purpose: str
    is_winner: bool
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class TrialTable:
    """Headings of the cells, the rows by index, and what there is to filter by."""

    headings: tuple[str, ...]
    rows: tuple[Row, ...]
    outcomes: tuple[str, ...]
    purposes: tuple[str, ...]


def trial_table(story: Story) -> TrialTable:
    """Return the table of all trials on record."""
    keys = _metrics(story)
    rows = tuple(_row(story, trial, keys) for trial in story.trials)
    return TrialTable(
        (
            "outcome",
            "purpose",
            *keys,
            "took",
            *(["pool"] if story.several_pools else []),
            "configuration",
        ),
        rows,
        tuple(dict.fromkeys(row.outcome for row in sorted(rows, key=lambda row: row.outcome))),
        tuple(dict.fromkeys(row.purpose for row in rows)),
    )


def _metrics(story: Story) -> tuple[str, ...]:
    limited = (constraint.limit.metric for constraint in story.problem.constraints)
    return tuple(dict.fromkeys([story.objective, *limited]))


def _row(story: Story, trial: TuningTrial, keys: Sequence[str]) -> Row:
    status = trial.status
    outcome = RUNNING if status.outcome is None else status.outcome.value
    verdict = outcome if status.cause is None else f"{outcome}/{status.cause}"
    best = story.status.best
    parameters = describe_parameters(trial.spec.parameters)
    return Row(
        trial.metadata.name,
        trial.spec.index,
        outcome,
        trial.spec.purpose.value,
        best is not None and best.trial == trial.metadata.name,
        (
            Cell(verdict, verdict),
            Cell(trial.spec.purpose.value, trial.spec.purpose.value),
            *(_figure(trial, key) for key in keys),
            Cell(describe_seconds(status.trial_seconds), status.trial_seconds),
            *([Cell(trial.spec.pool, trial.spec.pool)] if story.several_pools else []),
            Cell(parameters, parameters),
        ),
    )


def _figure(trial: TuningTrial, key: str) -> Cell:
    value = measured_value(trial, key)
    return Cell("", "") if value is None else Cell(describe_value(key, value), value)
