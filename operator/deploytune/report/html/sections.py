"""The sections of a report: which figures, in which order, and what is said where there is none."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from deploytune.report.html import importances
from deploytune.report.html.figures.comparison import comparison
from deploytune.report.html.figures.course import course_over_cost, course_over_trials
from deploytune.report.html.figures.feasibility import feasibility_map, outcome_shares
from deploytune.report.html.figures.figure import Figure
from deploytune.report.html.figures.importance import importance
from deploytune.report.html.figures.limits import objective_against_limits
from deploytune.report.html.figures.looked import where_it_looked
from deploytune.report.html.figures.timeline import timeline
from deploytune.report.html.figures.waste import budget_by_ending, budget_by_stage
from deploytune.report.html.story import Story

_Drawn = Callable[[Story], Figure | None]


@dataclass(frozen=True)
class Section:
    """A part of the page; `note` stands where it has no figure."""

    name: str
    heading: str
    figures: tuple[Figure, ...]
    note: str
    is_wide: bool = False


def sections_of(story: Story) -> Iterator[Section]:
    """Yield the sections below the answer, in their order."""
    yield _section(
        "course",
        "How the answer was found",
        _drawn(story, course_over_trials, course_over_cost),
        "No trial has come to a measurement of the objective.",
    )
    yield _section(
        "limits",
        "The limits",
        objective_against_limits(story),
        "No limited metric was measured beside the objective.",
    )
    yield _section(
        "feasibility",
        "What is feasible",
        _drawn(story, feasibility_map, outcome_shares),
        "The space has no choice between variants, or no trial has ended.",
    )
    yield _section(
        "budget",
        "Where the budget went",
        _drawn(story, budget_by_ending, budget_by_stage),
        "No attempt has ended.",
    )
    yield _section(
        "timeline",
        "When and where the trials ran",
        _drawn(story, timeline),
        "No attempt whose time is on record has ended.",
        is_wide=True,
    )
    yield _section(
        "looked",
        "Where the search looked",
        _drawn(story, where_it_looked),
        "The space has no choice between variants, or no trial has ended.",
        is_wide=True,
    )
    yield _section(
        "importance", "What mattered", _drawn(story, importance), _why_no_importance(), is_wide=True
    )


def _section(
    name: str, heading: str, figures: Iterable[Figure], note: str, *, is_wide: bool = False
) -> Section:
    return Section(name, heading, tuple(figures), note, is_wide)


def winner_figure(story: Story) -> Figure | None:
    """Return the figure that stands beside the answer, None while there is no winner."""
    return comparison(story)


def _drawn(story: Story, *draw: _Drawn) -> list[Figure]:
    return [figure for one in draw if (figure := one(story)) is not None]


def _why_no_importance() -> str:
    if not importances.is_possible():
        return "Not told: the package optuna is not installed."
    return (
        f"Not told: it takes {importances.LEAST_TRIALS} measured trials that differ, and this "
        "record has too few for anything to be said."
    )
