"""The page: the template with the parts of a story in it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from deploytune import __version__
from deploytune.api.recorded import RecordedTuning
from deploytune.report.answer import answer_rows, name_of_best
from deploytune.report.html.bundle import hash_source, packed, plotly_code
from deploytune.report.html.candidates import describe_candidates
from deploytune.report.html.figures.figure import Figure
from deploytune.report.html.headline import facts_of, headline_of
from deploytune.report.html.sections import sections_of, winner_figure
from deploytune.report.html.story import Story
from deploytune.report.html.trial_table import trial_table
from deploytune.report.why import explain_trial
from deploytune.state.timestamps import to_timestamp

if TYPE_CHECKING:
    from jinja2 import Template


def render_report(recorded: RecordedTuning, now: datetime) -> str:
    """Return the report of a tuning as one page of HTML, written at `now`.

    Raises:
        InvalidTuningError: the tuning breaks a rule, or has no trial to report.
        MachineError: plotly or Jinja is not installed.
    """
    story = Story.of(recorded)
    plotly, script = plotly_code(), _part("page.js")
    winner = winner_figure(story)
    sections = tuple(sections_of(story))
    figures = [figure for section in sections for figure in section.figures]
    return _template().render(
        name=story.tuning.metadata.name,
        place=story.place,
        version=__version__,
        written=to_timestamp(now),
        headline=headline_of(story),
        facts=tuple(facts_of(story)),
        answer=answer_rows(story.tuning, story.status),
        best_name=name_of_best(story.status),
        has_baseline=story.status.baseline is not None,
        confirmations=0 if story.status.best is None else story.status.best.confirmations,
        candidates=tuple(describe_candidates(story)),
        winner=winner,
        sections=sections,
        table=trial_table(story),
        style=_part("page.css"),
        script=script,
        hashes=(hash_source(script), hash_source(plotly)),
        plotly=_packed_plotly(),
        data=packed(_data(story, [*([winner] if winner else []), *figures])),
    )


def _data(story: Story, figures: Iterable[Figure]) -> str:
    """Return what the script reads: the figures by name, and what is to say of each trial."""
    return json.dumps(
        {
            "figures": {figure.name: figure.as_data() for figure in figures},
            "whys": {
                trial.spec.index: "\n".join(explain_trial(story.tuning, trial))
                for trial in story.trials
            },
        },
        allow_nan=False,
        separators=(",", ":"),
    )


@cache
def _packed_plotly() -> str:
    return packed(plotly_code())


def _template() -> Template:
    from jinja2 import Environment, StrictUndefined

    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string(_part("page.html"))


def _part(name: str) -> str:
    return (files(__package__) / name).read_text(encoding="utf-8")
